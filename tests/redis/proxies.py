"""A `sunder proxy` in front of one server, with rules."""

import contextlib
import re
import subprocess
import threading

from labs import DEADLINE, SUNDER


class Proxy:
    def __init__(self, upstream, *rules, flags=()):
        argv = [SUNDER, "proxy", "--console", "off", "--api", "off", *flags]
        if upstream:
            argv += ["--listen", "127.0.0.1:0", "--upstream", upstream]
        for rule in rules:
            argv += ["--rule", rule]
        self.log = []
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"ev=listen .*address=(\S+)", line):
                self.at = found[1]
            if "ev=ready" in line:
                break
        else:
            raise AssertionError(f"the proxy did not start: {self.log}")
        self.reader = threading.Thread(target=self.log.extend,
                                       args=(self.process.stderr,), daemon=True)
        self.reader.start()

    def end(self):
        """In order, and without a word of a sanitizer."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.2)  # a second signal ends it with sessions still open
        self.process.terminate()
        status = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        try:
            status = self.end()
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stderr.close()
        if not failed[0]:
            assert status == 0, "".join(self.log)
