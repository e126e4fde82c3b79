"""A real Thunderbird, headless, driven through Marionette: an account, and scripts run inside it.

Marionette is Mozilla's own remote control: JSON arrays with a decimal length in front, over TCP.
Scripts run with Thunderbird's privileges, so they use its own mail code exactly as its windows do.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_suffix(".js")

PREFERENCES = {
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.account.account1.server": "server1",
    "mail.account.account1.identities": "id1",
    "mail.server.server1.type": "imap",
    "mail.server.server1.hostname": "127.0.0.1",
    "mail.server.server1.name": "test",
    "mail.server.server1.authMethod": 3,
    "mail.server.server1.check_new_mail": True,
    "mail.server.server1.login_at_startup": False,
    "mail.server.server1.autosync_offline_stores": False,
    "mail.identity.id1.valid": True,
    "mail.identity.id1.smtpServer": "smtp1",
    "mail.identity.id1.fcc": True,
    "mail.smtpservers": "smtp1",
    "mail.smtp.defaultserver": "smtp1",
    "mail.smtpserver.smtp1.hostname": "127.0.0.1",
    "mail.smtpserver.smtp1.authMethod": 3,
    "mail.shell.checkDefaultClient": False,
    "mail.rights.version": 1,
    "mail.winsearch.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.spam.manualMark": False,
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "mail.inappnotifications.enabled": False,
    "mail.inappnotifications.url": "",
}


class Thunderbird:
    """Running until `close`. `run` executes an async function body; what it returns comes back."""

    def __init__(self, imap: int, submission: int, address: str, password: str) -> None:
        self.profile = Path(tempfile.mkdtemp(prefix="thunderbird-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        values: dict[str, object] = {
            **PREFERENCES,
            "mail.server.server1.port": imap,
            "mail.server.server1.socketType": 0,
            "mail.server.server1.userName": address,
            "mail.smtpserver.smtp1.port": submission,
            "mail.smtpserver.smtp1.try_ssl": 0,
            "mail.smtpserver.smtp1.username": address,
            "mail.identity.id1.useremail": address,
            "mail.identity.id1.fullName": "Test Person",
            "marionette.port": port,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in values.items()]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n")
        self.child = subprocess.Popen(
            [
                "thunderbird",
                "--headless",
                "--marionette",
                "-remote-allow-system-access",
                "--no-remote",
                "-profile",
                str(self.profile),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(self.profile), "PATH": "/usr/bin:/bin", "MOZ_HEADLESS": "1"},
        )
        self.serial = 0
        self.socket = self._connect(port)
        self._read()
        self._call("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {}}})
        self._call("Marionette:SetContext", {"value": "chrome"})
        self._call("WebDriver:SetTimeouts", {"script": 60000})
        self.run(
            """
            const add = async (host, realm) => {
              const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
              login.init(host, null, realm, args[0], args[1], "", "");
              await Services.logins.addLoginAsync(login);
            };
            await add("imap://127.0.0.1", "imap://127.0.0.1");
            await add("smtp://127.0.0.1", "smtp://127.0.0.1");
            """,
            address,
            password,
        )

    def _connect(self, port: int) -> socket.socket:
        for _ in range(600):
            try:
                return socket.create_connection(("127.0.0.1", port), 60)
            except OSError:
                if self.child.poll() is not None:
                    raise
                time.sleep(0.1)
        raise TimeoutError("thunderbird did not open its port")

    def _read(self) -> Any:
        digits = b""
        while not digits.endswith(b":"):
            digits += self.socket.recv(1)
        left = int(digits[:-1])
        chunks = []
        while left:
            chunk = self.socket.recv(left)
            chunks.append(chunk)
            left -= len(chunk)
        return json.loads(b"".join(chunks))

    def _call(self, name: str, parameters: dict[str, object]) -> Any:
        self.serial += 1
        data = json.dumps([0, self.serial, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{name}: {error.get('error')}: {error.get('message')}")
        return result

    def run(self, body: str, *arguments: object) -> Any:
        """Run `body` as an async function with `args`; MailServices and the inbox helpers are there."""
        script = SCRIPT.read_text().replace("/* BODY */", body)
        result = self._call("WebDriver:ExecuteAsyncScript", {"script": script, "args": list(arguments)})
        answer = result["value"]
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer.get("value")

    def close(self) -> None:
        self.socket.close()
        self.child.terminate()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
