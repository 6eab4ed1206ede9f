package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/topology"
)

// peerJSON is a profile of peers as JSON.
type peerJSON struct {
	Name       string            `json:"name"`
	Title      string            `json:"title"`
	Kind       string            `json:"kind,omitempty"`
	Servers    []string          `json:"servers"`
	Transports []string          `json:"transports"` // empty: any
	Settings   []peerSettingJSON `json:"settings"`
}

type peerSettingJSON struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Must   string `json:"must,omitempty"`
	Source string `json:"source"`
}

func peerOf(p *topology.Profile) peerJSON {
	j := peerJSON{Name: p.Name, Title: p.Title, Kind: string(p.Kind), Servers: append([]string{}, p.Servers...), Transports: []string{}, Settings: []peerSettingJSON{}}
	for _, t := range p.Transports {
		j.Transports = append(j.Transports, t.String())
	}
	for _, s := range p.Settings {
		j.Settings = append(j.Settings, peerSettingJSON{s.Key, s.Value, s.Must, s.Source})
	}
	return j
}

func (a *app) profileCmd() *cobra.Command {
	c := &cobra.Command{Use: "profile", Short: "Show the settings that are known good for a kind of peer", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(a.profileListCmd(), a.profileShowCmd())
	return c
}

func (a *app) profileListCmd() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the profiles", Args: none,
		RunE: func(*cobra.Command, []string) error {
			list := []peerJSON{}
			for _, p := range topology.Profiles() {
				list = append(list, peerOf(p))
			}
			return a.print(list, func(w io.Writer) {
				t := columns(w)
				for _, p := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\n", p.Name, dash(p.Kind), p.Title)
				}
				t.Flush()
			})
		}}
}

func (a *app) profileShowCmd() *cobra.Command {
	return &cobra.Command{Use: "show NAME", Short: "Print keys, values and sources of a profile",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("show takes the name of one profile; `directsip profile list` lists them")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return topology.ProfileNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			p := topology.ProfileByName(args[0])
			if p == nil {
				if near := topology.NearestProfile(args[0]); near != "" {
					return fmt.Errorf("there is no profile %q; did you mean %s?", args[0], near)
				}
				return fmt.Errorf("there is no profile %q; there are %s", args[0], strings.Join(topology.ProfileNames(), ", "))
			}
			return a.print(peerOf(p), func(w io.Writer) { writeProfile(w, peerOf(p)) })
		}}
}

func writeProfile(w io.Writer, p peerJSON) {
	fmt.Fprintf(w, "%s: %s\n", p.Name, p.Title)
	if p.Kind != "" {
		fmt.Fprintf(w, "kind          %s\n", p.Kind)
	}
	if len(p.Servers) > 0 {
		fmt.Fprintf(w, "calls itself  %s…\n", strings.Join(p.Servers, "…, "))
	}
	if len(p.Transports) > 0 {
		fmt.Fprintf(w, "transport     %s\n", strings.Join(p.Transports, " or "))
	}
	for _, s := range p.Settings {
		fmt.Fprintf(w, "\n%s: %s\n", s.Key, s.Value)
		if s.Must != "" {
			fmt.Fprintf(w, "    needed: %s\n", s.Must)
		}
		fmt.Fprintf(w, "    source: %s\n", s.Source)
	}
}
