package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells the service manager, where there is one, how far the server is (sd_notify(3)). That it does not hear is no reason to
// serve no calls, but it would end a server that it believes to be still starting: so it is said.
func notify(problems io.Writer, state, status string) {
	if _, err := daemon.SdNotify(false, state+"\nSTATUS="+status); err != nil {
		fmt.Fprintf(problems, "directsip: the service manager is not told %s: %v\n", state, err)
	}
}

// leaving is the status of a server that stops: by when.
func leaving(limit time.Duration) string {
	return "takes no new calls; running ones may end until " + time.Now().Add(limit).Format(time.TimeOnly)
}
