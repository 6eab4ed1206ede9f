package cli

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/server"
)

func (a *app) networkCmd() *cobra.Command {
	var asCSV bool
	c := &cobra.Command{Use: "network", Short: "Show what the links of the network carry on the running server", Args: none,
		Long: "Show the links of the network that have a bandwidth policy: what the calls of the running server need on them, its share of the limit, and how many calls\n" +
			"were refused for want of room. Which ones says directsip calls --reason link-full.",
		Example: "  directsip network\n  directsip network --csv >> links.csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []server.LinkView
			if err := a.client().get(cmd.Context(), "/network", &list); err != nil {
				return err
			}
			if asCSV {
				return writeLinksCSV(a.out, list)
			}
			return a.print(list, func(w io.Writer) { writeLinks(w, list) })
		}}
	c.Flags().BoolVar(&asCSV, "csv", false, "write comma-separated values")
	return c
}

func writeLinks(w io.Writer, list []server.LinkView) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no links with a bandwidth policy")
		return
	}
	t := columns(w)
	fmt.Fprintln(t, "LINK\tKIND\tPROFILE\tKBIT/S\tSHARE\tTOTAL\tPER CALL\tCALLS\tREFUSED")
	for _, v := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%d\n", v.Name, v.Kind, v.Profile, v.Used, dash(kbps(v.Share)), dash(kbps(v.Total)), dash(kbps(v.PerSession)), v.Calls, v.Refused)
	}
	t.Flush()
}

// writeLinksCSV writes the links as RFC 4180 has it.
func writeLinksCSV(out io.Writer, list []server.LinkView) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	w.Write([]string{"link", "kind", "profile", "kbps", "share", "total", "per_session", "calls", "refused"}) // Error tells at the end
	for _, v := range list {
		w.Write([]string{plain(v.Name), v.Kind, plain(v.Profile), strconv.Itoa(v.Used), kbps(v.Share), kbps(v.Total), kbps(v.PerSession), strconv.Itoa(v.Calls),
			strconv.FormatUint(v.Refused, 10)})
	}
	w.Flush()
	return w.Error()
}

// kbps is a limit; "" where there is none.
func kbps(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}
