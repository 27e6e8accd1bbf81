package nightly

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells the service manager (sd_notify(3)); without one it does nothing.
// A message that is lost is no reason to end a scan.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// Status says in one line what the process is doing; systemctl status shows it.
func Status(line string) {
	notify("STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, line))
}

// monotonic is the time that a reload began, which systemd from version 253 on
// asks for; empty where there is no such clock.
func monotonic() string { return daemon.SdNotifyMonotonicUsec() }

// watchdog is how often the service manager wants to hear from this process:
// half its patience, as sd_watchdog_enabled(3) advises. 0: never.
func watchdog() time.Duration {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return patience / 2
}

func bark(dog time.Duration) {
	if dog > 0 {
		notify(daemon.SdNotifyWatchdog)
	}
}
