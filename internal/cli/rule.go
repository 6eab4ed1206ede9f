package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/topology"
)

// ruleJSON is a built rule with what it makes of numbers.
type ruleJSON struct {
	Name        string           `json:"name,omitempty"`
	Pattern     string           `json:"pattern"`
	Translation string           `json:"translation"`
	Numbers     []translatedJSON `json:"numbers"`
}

type translatedJSON struct {
	Number string `json:"number"`
	Match  bool   `json:"match"`
	Result string `json:"result,omitempty"`
}

func (a *app) ruleCmd() *cobra.Command {
	var b topology.Builder
	var name string
	c := &cobra.Command{Use: "rule [NUMBER...]", Short: "Build a rule of digits, and show what it makes of numbers",
		Example: "  directsip rule --starts 0 --length 10 --remove 1 --add +49\n  directsip rule --starts +1 --length 12 --remove 1 +14255550100",
		RunE: func(_ *cobra.Command, numbers []string) error {
			r, err := b.Rule()
			if err != nil {
				return &usageError{"rule", err}
			}
			r.Name = name
			res := ruleJSON{r.Name, r.Pattern, r.Translation, make([]translatedJSON, 0, len(numbers))}
			for _, n := range numbers {
				to, ok := r.Apply(n)
				res.Numbers = append(res.Numbers, translatedJSON{n, ok, to})
			}
			return a.print(res, func(w io.Writer) {
				fmt.Fprintln(w, r.YAML())
				for _, n := range res.Numbers {
					if n.Match {
						fmt.Fprintf(w, "%s → %s\n", n.Number, n.Result)
					} else {
						fmt.Fprintf(w, "%s does not match\n", n.Number)
					}
				}
			})
		}}
	c.Flags().StringVar(&b.Starts, "starts", "", "starting digits, as in 0 or +49")
	c.Flags().IntVar(&b.Length, "length", 0, "length of the number, with the starting digits; 0: any")
	c.Flags().BoolVar(&b.AtLeast, "at-least", false, "the length is the least")
	c.Flags().IntVar(&b.Remove, "remove", 0, "how many digits to remove from the beginning")
	c.Flags().StringVar(&b.Add, "add", "", "digits to add in front of what is left")
	c.Flags().StringVar(&name, "name", "", "name of the rule")
	return c
}
