package library

import (
	"strings"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// Allow is what a script may reach besides the kernel's tables. The libraries
// behind the rest are absent.
type Allow struct {
	Exec bool // other programs
	Net  bool // the network
	FS   bool // files
}

// AllowAll is for scripts that a user started.
var AllowAll = Allow{Exec: true, Net: true, FS: true}

// ParseAllow reads "all", "none", or words such as "exec,net,fs".
func ParseAllow(s string) (Allow, error) {
	switch s {
	case "all":
		return AllowAll, nil
	case "none":
		return Allow{}, nil
	}
	var a Allow
	for _, word := range strings.Split(s, ",") {
		switch strings.TrimSpace(word) {
		case "exec":
			a.Exec = true
		case "net":
			a.Net = true
		case "fs":
			a.FS = true
		default:
			e := luaerr.New(luaerr.EPARSE, "", "%q is nothing to allow; want exec, net and fs, separated by commas, all or none", word)
			return Allow{}, e.WithHint(luaerr.DidYouMean(strings.TrimSpace(word), []string{"exec", "net", "fs", "all", "none"}))
		}
	}
	return a, nil
}

// String is what ParseAllow reads.
func (a Allow) String() string {
	var words []string
	for _, w := range []struct {
		name string
		on   bool
	}{{"exec", a.Exec}, {"net", a.Net}, {"fs", a.FS}} {
		if w.on {
			words = append(words, w.name)
		}
	}
	switch len(words) {
	case 0:
		return "none"
	case 3:
		return "all"
	}
	return strings.Join(words, ",")
}
