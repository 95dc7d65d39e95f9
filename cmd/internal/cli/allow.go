package cli

import "github.com/ctsh/ctsh/lua/library"

// allowance is the value of --allow: what a script may reach besides the
// connection tracking table.
type allowance struct {
	library.Allow
	given bool // on the command line
}

// Set parses a list such as "exec,net", "all" or "none".
func (a *allowance) Set(text string) error {
	allow, err := library.ParseAllow(text)
	if err != nil {
		return err
	}
	*a = allowance{Allow: allow, given: true}
	return nil
}

// Type names the kind of value in help texts.
func (a *allowance) Type() string { return "LIST" }
