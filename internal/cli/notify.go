package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/directsip/directsip/internal/server"
)

// notify tells the service manager, where there is one, how far the server is (sd_notify(3)). That it does not hear is no reason to
// serve no calls, but it would end a server that it believes to be still starting: so it is said.
func notify(problems io.Writer, state, status string) {
	if _, err := daemon.SdNotify(false, state+"\nSTATUS="+status); err != nil {
		fmt.Fprintf(problems, "directsip: the service manager is not told %s: %v\n", state, err)
	}
}

// keepAlive tells the service manager, where it wants to hear that (WatchdogSec=, sd_watchdog_enabled(3)), that signalling does not hang: each time that all of it has answered, so never for who hangs.
// It is asked four times as often as has to be said, and has the rest of that time to answer: to be ended costs all running calls, so a host that is short of processor for seconds must not look
// like a server that hangs.
func keepAlive(ctx context.Context, s *server.Server, problems io.Writer) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		fmt.Fprintf(problems, "directsip: the service manager is not told that the server lives: %v\n", err)
	}
	if within == 0 {
		return
	}
	for s.Answers(ctx, within/2) {
		if _, err := daemon.SdNotify(false, daemon.SdNotifyWatchdog); err != nil {
			fmt.Fprintf(problems, "directsip: the service manager is not told %s: %v\n", daemon.SdNotifyWatchdog, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(within / 4):
		}
	}
}

// leaving is the status of a server that stops: by when.
func leaving(limit time.Duration) string {
	return "takes no new calls; running ones may end until " + time.Now().Add(limit).Format(time.TimeOnly)
}
