"""A phone based on PJSIP's library pjsua2, run by a Python that has it: it registers, calls, is called, hangs up.

It reads orders line by line from standard input (register USER PASSWORD, dial ADDRESS, hang up, quit), and prints a
line for each event: the registration's status, an incoming call, each state of a call.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

# It is in an environment of its own.
import pjsua2 as pj  # type: ignore[import-not-found]


def tell(*words: object) -> None:
    """Print an event."""
    print(*words, flush=True)


class Call(pj.Call):
    """A call that reports its states."""

    def __init__(self, account: Account, *known: int) -> None:
        super().__init__(account, *known)
        self.account = account

    def onCallState(self, prm: Any) -> None:  # noqa: N802 - the library's name
        info = self.getInfo()
        tell("call", info.stateText, info.lastStatusCode)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.account.call = None

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()  # the library frees what is of it as soon as nobody holds it
        tell("media", sum(one.status == pj.PJSUA_CALL_MEDIA_ACTIVE for one in info.media))


class Account(pj.Account):
    """An account that reports its registration and answers every call."""

    call: Call | None = None

    def onRegState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        tell("registered" if info.regIsActive else "not registered", info.regStatus)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        self.call = Call(self, prm.callId)
        tell("rings", self.call.getInfo().remoteUri)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        self.call.answer(answer)


def make_account(domain: str, proxy: str, user: str, password: str) -> Account:
    """An account that registers at once, through the proxy."""
    config = pj.AccountConfig()
    config.idUri = f"sip:{user}@{domain}"
    config.regConfig.registrarUri = f"sip:{domain}"
    config.regConfig.retryIntervalSec = 0
    config.sipConfig.proxies.append(f"sip:{proxy};lr")
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    made = Account()
    made.create(config)
    return made


def main(domain: str, proxy: str) -> None:
    """Read and carry out orders until the input ends."""
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    orders: list[list[str]] = []
    threading.Thread(target=lambda: orders.extend(line.split() for line in sys.stdin), daemon=True).start()
    account: Account | None = None
    while True:
        endpoint.libHandleEvents(20)
        if not orders:
            continue
        match orders.pop(0):
            case ["register", user, password]:
                account = make_account(domain, proxy, user, password)
            case ["dial", address] if account:
                account.call = Call(account)
                account.call.makeCall(address, pj.CallOpParam(True))
            case ["hang", "up"] if account and account.call:
                account.call.hangup(pj.CallOpParam())
            case ["quit"]:
                break
    endpoint.libDestroy()


if __name__ == "__main__":
    main(*sys.argv[1:])
