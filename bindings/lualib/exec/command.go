package exec

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/unit"
	"github.com/ctsh/ctsh/lua/value"
)

// command is what to run.
type command struct {
	args    []string // the command and its arguments
	timeout time.Duration
	stdin   string
	env     []string
	dir     string
	cap     int
}

// Bounds of what is kept of an output.
const (
	defaultCap = 1 << 20
	maxCap     = 16 << 20
)

// options are the fields of a table that says what to run.
var options = []string{"timeout", "stdin", "env", "dir", "cap"}

// commandOf reads the arguments of a call.
func commandOf(c *registry.Call) *command {
	cmd := &command{timeout: defaultTimeout, cap: defaultCap, env: os.Environ()}
	if t, ok := c.Get(1).(*lua.LTable); ok {
		if c.Len() > 1 {
			c.Bad("...", "put further arguments into the table")
		}
		cmd.table(c, t)
	} else {
		for i := range c.Len() {
			cmd.args = append(cmd.args, argument(c, i+1, c.Get(i+1)))
		}
	}
	if cmd.args[0] == "" {
		c.Bad("command", "empty string")
	}
	if dir, err := filepath.Abs(cmd.dir); cmd.dir != "" && err == nil {
		cmd.env = append(cmd.env, "PWD="+dir)
	}
	return cmd
}

// argument is the text of a command (the first one) or of an argument.
func argument(c *registry.Call, n int, v lua.LValue) string {
	name := fmt.Sprintf("argument %d", n-1)
	if n == 1 {
		name = "command"
	}
	s := ""
	switch v := v.(type) {
	case lua.LString:
		s = string(v)
	case lua.LNumber:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) || n == 1 {
			c.Bad(name, "want a string, got %s", value.Describe(v))
		}
		s = v.String()
	default:
		c.Bad(name, "want a string or a number, got %s", value.Describe(v))
	}
	return plain(c, name, s)
}

// plain refuses text that would end early on its way to the command.
func plain(c *registry.Call, name, s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		c.Bad(name, "%q has a NUL byte", s)
	}
	return s
}

// table reads a table of arguments and options.
func (cmd *command) table(c *registry.Call, t *lua.LTable) {
	last := 0
	var unknown []string
	t.ForEach(func(k, v lua.LValue) {
		switch k := k.(type) {
		case lua.LNumber:
			if k < 1 || k > 1<<20 || k != lua.LNumber(int(k)) {
				c.Bad("command", "unexpected item %s", k)
			}
			last = max(last, int(k))
		case lua.LString:
			if !slices.Contains(options, string(k)) {
				unknown = append(unknown, string(k))
				return
			}
			cmd.option(c, string(k), v)
		default:
			c.Bad("command", "unexpected field %s", value.Describe(k))
		}
	})
	if len(unknown) > 0 {
		c.Unknown("field", slices.Min(unknown), options)
	}
	for i := 1; i <= max(last, 1); i++ {
		cmd.args = append(cmd.args, argument(c, i, t.RawGetInt(i)))
	}
}

func (cmd *command) option(c *registry.Call, name string, v lua.LValue) {
	switch name {
	case "timeout":
		seconds := amount(c, name, v, unit.ParseDuration, `a duration such as 90 or "1h30m"`)
		if !(seconds > 0 && seconds < unit.MaxDuration/2) { // also NaN
			c.Bad(name, "want a duration above 0, got %s", value.Describe(v))
		}
		cmd.timeout = time.Duration(seconds * float64(time.Second))
	case "cap":
		bytes := amount(c, name, v, unit.ParseSize, `a size such as 1500 or "10MB"`)
		if bytes != math.Trunc(bytes) || bytes < 0 || bytes > maxCap {
			c.Bad(name, "want whole bytes up to %d, got %s", maxCap, value.Describe(v))
		}
		cmd.cap = int(bytes)
	case "env":
		t, ok := v.(*lua.LTable)
		if !ok {
			c.Bad(name, "want a table, got %s", value.Describe(v))
		}
		cmd.change(c, t)
	default:
		s, ok := v.(lua.LString)
		if !ok {
			c.Bad(name, "want a string, got %s", value.Describe(v))
		}
		if name == "stdin" {
			cmd.stdin = string(s)
			return
		}
		if s == "" {
			c.Bad(name, "empty string")
		}
		cmd.dir = plain(c, name, string(s))
	}
}

// amount reads a number or text in a unit.
func amount(c *registry.Call, name string, v lua.LValue, parse func(string) (float64, error), want string) float64 {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		n, err := parse(string(v))
		if err != nil {
			c.Bad(name, "%s", err)
		}
		return n
	}
	c.Bad(name, "want %s, got %s", want, value.Describe(v))
	return 0
}

// change changes the environment: a value is set, false removes.
func (cmd *command) change(c *registry.Call, t *lua.LTable) {
	var set []string
	t.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok || name == "" || strings.ContainsAny(string(name), "=\x00") {
			c.Bad("env", "%s is not the name of a variable", value.Describe(k))
		}
		cmd.env = slices.DeleteFunc(cmd.env, func(s string) bool { return strings.HasPrefix(s, string(name)+"=") })
		switch v := v.(type) {
		case lua.LString, lua.LNumber:
			set = append(set, string(name)+"="+plain(c, "env", v.String()))
		default:
			if v != lua.LFalse {
				c.Bad("env", "want a string, a number or false for %s, got %s", name, value.Describe(v))
			}
		}
	})
	slices.Sort(set)
	cmd.env = append(cmd.env, set...)
}
