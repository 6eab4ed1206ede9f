package topology

import (
	_ "embed"
	"slices"
)

//go:embed example.yaml
var example []byte

// Example is a commented document to begin with, for directsip init. It compiles without a problem.
func Example() []byte { return slices.Clone(example) }
