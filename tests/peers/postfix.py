"""A real Postfix in a throw-away folder that takes mail for one domain into one maildir. Needs root."""

from __future__ import annotations

import grp
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = inline:{{ someone@{domain}=someone/ }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtputf8_enable = yes
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}
alias_maps =
local_recipient_maps =
"""


class Postfix:
    """Running from `start` to `stop`; someone@`domain` exists. `messages` are what it delivered."""

    def __init__(self, domain: str, certificate: str, key: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.root.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        user = pwd.getpwnam("postfix")
        for name in ("etc", "spool", "data", "log", "mail"):
            (self.root / name).mkdir()
        shutil.chown(self.root / "data", user.pw_uid, grp.getgrgid(user.pw_gid).gr_name)
        shutil.chown(self.root / "mail", user.pw_uid)
        shutil.copy(certificate, self.root / "certificate.pem")
        shutil.copy(key, self.root / "key.pem")
        values = {
            "root": self.root, "port": self.port, "domain": domain, "uid": user.pw_uid, "gid": user.pw_gid,
            "certificate": self.root / "certificate.pem", "key": self.root / "key.pem",
        }  # fmt: skip
        (self.root / "etc/main.cf").write_text(MAIN.format(**values))
        (self.root / "etc/master.cf").write_text(MASTER.format(**values))

    def start(self) -> Postfix:
        self._run("start")
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _run(self, verb: str) -> None:
        subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.root / "etc"), verb], check=True, capture_output=True
        )

    @property
    def messages(self) -> list[bytes]:
        """As stored, with CRLF line ends again."""
        return [
            path.read_bytes().replace(b"\n", b"\r\n") for path in sorted((self.root / "mail").rglob("new/*"))
        ]

    @property
    def log(self) -> str:
        path = self.root / "log/mail.log"
        return path.read_text() if path.exists() else ""

    def stop(self) -> None:
        self._run("stop")
        shutil.rmtree(self.root, ignore_errors=True)
