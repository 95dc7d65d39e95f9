// Command ctsh is the connection-tracking shell: a prompt and a script runner
// over the Linux conntrack table.
package main

import (
	"context"
	"os"

	"github.com/ctsh/ctsh/cmd/internal/cli"
)

func main() {
	os.Exit(cli.FromOS().Main(context.Background()))
}
