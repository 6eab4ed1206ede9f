// Command directsip is a Mediation Server for Direct SIP.
package main

import (
	"os"

	"github.com/directsip/directsip/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
