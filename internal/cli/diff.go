package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/topology"
)

func (a *app) diffCmd() *cobra.Command {
	return &cobra.Command{Use: "diff OLD NEW", Short: "Show what stands differently in two documents", ValidArgsFunction: yamlFiles,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("diff takes two documents; `directsip apply --dry-run` compares one with that of the running server")
			}
			return nil
		},
		Long: "Show what stands differently in two documents, by object, whatever the order of keys and the comments. Passwords are not shown. The exit status is 0 when\n" +
			"nothing differs and 1 when something does.",
		Example: "  directsip diff directsip.yaml.old directsip.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			var src [2][]byte
			for i, path := range args {
				var err error
				if src[i], err = readAll(a.in, path); err != nil {
					return err
				}
			}
			changes, problems := topology.Diff(src[0], src[1])
			if len(problems) > 0 {
				return problems
			}
			if err := a.print(changes, func(w io.Writer) { writeChanges(w, changes) }); err != nil {
				return err
			}
			if len(changes) > 0 {
				return errNo
			}
			return nil
		}}
}

// wouldApply shows what a document would change at the running server.
func (a *app) wouldApply(ctx context.Context, to, path string, src []byte) error {
	var res struct {
		Document string            `json:"document"`
		Before   string            `json:"before,omitempty"` // a server older than this command does not tell
		Warnings []string          `json:"warnings"`
		Changes  []topology.Change `json:"changes"`
	}
	if err := a.client().post(ctx, to+"?dry-run=true&name="+escape(shown(path)), src, &res); err != nil {
		return err
	}
	return a.print(res, func(w io.Writer) {
		for _, l := range res.Warnings {
			fmt.Fprintln(w, l)
		}
		writeChanges(w, res.Changes)
		fmt.Fprintf(w, "document %s is good and not applied", res.Document)
		if res.Before != "" && res.Before != res.Document {
			fmt.Fprintf(w, "; %s runs, and with --expect %s only that is replaced", res.Before, res.Before)
		}
		fmt.Fprintln(w)
	})
}

// writeChanges prints the changes under the objects that they are of.
func writeChanges(w io.Writer, list []topology.Change) {
	if len(list) == 0 {
		fmt.Fprintln(w, "nothing differs")
	}
	object := ""
	for i := range list {
		c := &list[i]
		if c.Object != object || i == 0 {
			fmt.Fprintln(w, c.Object)
			object = c.Object
		}
		fmt.Fprintf(w, "  %s\n", c)
	}
}
