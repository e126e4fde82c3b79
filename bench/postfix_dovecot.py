"""Debian's Postfix and Dovecot on free loopback ports, in a throw-away folder: what we compare with.

Both are durable as they come: Postfix fsyncs its queue file before 250, Dovecot (`mail_fsync =
optimized`, its default) fsyncs what LMTP and APPEND save. Needs root (both drop privileges) and the
packages postfix, dovecot-imapd and dovecot-lmtpd.

    python bench/postfix_dovecot.py        starts both, prints the ports as JSON, stops on Enter
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOMAIN = "bench.test"
PASSWORD = "bench"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port: int, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
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
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}
smtp_host_lookup = native
alias_maps =
local_recipient_maps =
"""

DOVECOT = """\
protocols = imap lmtp
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/log/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = {location}
mail_uid = vmailbench
mail_gid = vmailbench
first_valid_uid = 100
default_client_limit = 4000
mail_max_userip_connections = 10000
auth_mechanisms = plain login
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/home/%n allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
}}
service imap {{
  process_limit = 2000
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@{domain}
}}
"""


class PostfixDovecot:
    """A running pair. `smtp` and `imap` are ports; every local part of DOMAIN exists."""

    def __init__(self, location: str = "maildir:~/Maildir") -> None:
        self.root = Path(tempfile.mkdtemp(prefix="bench-pd-"))
        os.chmod(self.root, 0o755)
        self.smtp, self.imap, self.lmtp = free_port(), free_port(), free_port()
        try:
            user = pwd.getpwnam("vmailbench")
        except KeyError:
            subprocess.run(
                ["useradd", "--system", "--user-group", "--no-create-home", "vmailbench"], check=True
            )
            user = pwd.getpwnam("vmailbench")
        for name in ("postfix", "spool", "data", "log", "run", "home"):
            (self.root / name).mkdir()
        os.chmod(self.root / "log", 0o777)
        os.chown(self.root / "home", user.pw_uid, user.pw_gid)
        os.chown(self.root / "data", pwd.getpwnam("postfix").pw_uid, 0)
        values = {
            "root": self.root, "smtp": self.smtp, "imap": self.imap, "lmtp": self.lmtp, "domain": DOMAIN,
            "password": PASSWORD, "location": location, "uid": user.pw_uid, "gid": user.pw_gid,
        }  # fmt: skip
        (self.root / "postfix/main.cf").write_text(MAIN.format(**values))
        (self.root / "postfix/master.cf").write_text(MASTER.format(**values))
        (self.root / "dovecot.conf").write_text(DOVECOT.format(**values))
        (self.root / "log/mail.log").touch()

    def start(self) -> PostfixDovecot:
        subprocess.run(["dovecot", "-c", str(self.root / "dovecot.conf")], check=True)
        subprocess.run(
            ["postfix", "-c", str(self.root / "postfix"), "start"], check=True, capture_output=True
        )
        for port in (self.smtp, self.imap, self.lmtp):
            wait_for(port)
        return self

    def stop(self) -> None:
        subprocess.run(["postfix", "-c", str(self.root / "postfix"), "stop"], capture_output=True)
        subprocess.run(["doveadm", "-c", str(self.root / "dovecot.conf"), "stop"], capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> PostfixDovecot:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


if __name__ == "__main__":
    with PostfixDovecot(*sys.argv[1:]) as pair:
        print(json.dumps({"smtp": pair.smtp, "imap": pair.imap, "domain": DOMAIN, "root": str(pair.root)}))
        sys.stdin.readline()
