package cli

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/server"
)

func (a *app) healthCmd() *cobra.Command {
	var wide bool
	c := &cobra.Command{Use: "health", Short: "Rate the running server: each target with its value and its bound", Args: none,
		Long: "Rate the running server as a whole: each target with its value and its bound, and for one that is missed what tells more. The targets and bounds are those of\n" +
			"deploy/alerts.yml, docs/operation.md has them. Exit status: 0 all are met, 1 one is missed or no server runs, 2 a wrong command line.",
		Example: "  directsip health\n  directsip health --json | jq '.targets[] | select(.met | not)'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r server.Rating
			if err := a.client().get(cmd.Context(), "/health", &r); err != nil {
				return err
			}
			if err := a.print(r, func(w io.Writer) { writeRating(w, &r, a.roomUnless(wide)) }); err != nil {
				return err
			}
			if !r.Met {
				return errNo
			}
			return nil
		}}
	c.Flags().BoolVar(&wide, "wide", false, "all columns, however wide the terminal is")
	return c
}

func writeRating(w io.Writer, r *server.Rating, room int) {
	t := table{head: []string{"TARGET", "VERDICT", "VALUE", "BOUND", "WHAT"}, notes: map[int][]string{}, steps: []step{{"WHAT", 12, false}}}
	for i := range r.Targets {
		x := &r.Targets[i]
		verdict, value := "met", number(x.Value)
		switch {
		case x.Unknown != "":
			verdict, value = "unknown", "-"
			t.notes[i] = append(t.notes[i], x.Unknown)
		case !x.Met:
			verdict = "MISSED"
			if x.Detail != "" {
				t.notes[i] = append(t.notes[i], x.Detail)
			}
			t.notes[i] = append(t.notes[i], "see: "+x.Look)
		}
		t.rows = append(t.rows, []string{x.Name, verdict, value, x.Bound + " " + number(x.Limit), dash(x.Unit)})
	}
	t.write(w, room)
	if n := len(r.Missed()); n > 0 {
		fmt.Fprintf(w, "%s misses %s of %d\n", r.Server, plural(n, "target"), len(r.Targets))
		return
	}
	fmt.Fprintf(w, "%s meets its %d targets\n", r.Server, len(r.Targets))
}

// number is a value as short as it is.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
