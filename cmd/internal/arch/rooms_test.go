package arch

import "strings"

// module is the path every room lies under.
const module = "github.com/ctsh/ctsh/"

// room is one floor of the building: a path prefix inside the module, the
// rooms it may import, and the guarded libraries it may import directly.
type room struct {
	prefix string   // "lua/", "bindings/engine/", ... ; longest match wins
	rooms  []string // prefixes that may be imported; its own is always allowed
	libs   []string // guarded libraries that may be imported
	never  []string // libraries and rooms that may not be reached even indirectly
}

// Guarded libraries: each belongs to one room, so that replacing it touches
// that room only.
const (
	gopherLua = "github.com/yuin/gopher-lua"
	readline  = "github.com/chzyer/readline"
	cobra     = "github.com/spf13/cobra"
	pflag     = "github.com/spf13/pflag"
)

// netlinkLibs open sockets to the kernel.
var netlinkLibs = []string{
	"github.com/mdlayher/netlink",
	"github.com/mdlayher/socket",
	"github.com/ti-mo/netfilter",
	"github.com/google/nftables",
	"github.com/vishvananda/netlink",
	"github.com/vishvananda/netns",
	"github.com/ti-mo/conntrack",
}

// peerLibs do a part of what this project does: they may only be measured and
// compared against, in tests and in the peer benchmark.
var peerLibs = []string{
	"github.com/ti-mo/conntrack",
	"github.com/vishvananda/netlink",
	"github.com/vishvananda/netns",
}

// guarded lists every library that has an owner.
var guarded = append([]string{gopherLua, readline, cobra, pflag}, netlinkLibs...)

// rooms is the building, ground floor first.
var rooms = []room{
	{
		prefix: "bindings/kernel/",
		libs:   netlinkLibs,
		never:  []string{gopherLua, readline, cobra},
	},
	{
		prefix: "bindings/engine/",
		rooms:  []string{"bindings/kernel/", "lua/unit/", "lua/escape/"}, // how people write 5m and 10MB, and how text is made harmless, without any Lua
		never:  []string{gopherLua, readline, cobra},
	},
	{
		prefix: "lua/",
		libs:   []string{gopherLua},
		never:  append([]string{readline, cobra, module + "bindings/"}, netlinkLibs...),
	},
	{
		prefix: "lua/unit/",
		never:  append([]string{gopherLua, readline, cobra, module + "bindings/"}, netlinkLibs...),
	},
	{
		prefix: "bindings/lualib/",
		rooms:  []string{"bindings/engine/", "bindings/kernel/", "lua/", "stdlib/"},
		libs:   []string{gopherLua},
		never:  []string{readline, cobra},
	},
	{
		prefix: "stdlib/",
	},
	{
		prefix: "repl/",
		rooms:  []string{"lua/"},
		never:  append([]string{cobra, module + "bindings/"}, netlinkLibs...),
	},
	{
		prefix: "repl/line/",
		libs:   []string{readline},
		never:  append([]string{cobra, gopherLua, module + "bindings/", module + "lua/"}, netlinkLibs...),
	},
	{
		prefix: "scripts/",
	},
	{
		prefix: "cmd/internal/arch/",
	},
	{
		prefix: "cmd/internal/",
		rooms:  []string{"repl/", "lua/", "bindings/", "stdlib/"},
		libs:   []string{cobra, pflag},
	},
	{
		prefix: "cmd/",
		rooms:  []string{"cmd/internal/"},
	},
}

// roomOf returns the room a package path lies in: the one with the longest
// matching prefix. Path is relative to the module, without a trailing slash.
func roomOf(path string) (room, bool) {
	var best room
	found := false
	for _, r := range rooms {
		if under(path, r.prefix) && (!found || len(r.prefix) > len(best.prefix)) {
			best, found = r, true
		}
	}
	return best, found
}

// under reports whether path is the folder prefix or lies in it.
func under(path, prefix string) bool {
	return strings.HasPrefix(path+"/", prefix)
}

// library reports whether the import path is the library or a package of it.
func library(path, lib string) bool {
	lib = strings.TrimSuffix(lib, "/")
	return path == lib || strings.HasPrefix(path, lib+"/")
}
