package cli

import (
	"github.com/ctsh/ctsh/bindings/lualib/ct"
	"github.com/ctsh/ctsh/bindings/lualib/exec"
	"github.com/ctsh/ctsh/bindings/lualib/fs"
	"github.com/ctsh/ctsh/bindings/lualib/http"
	"github.com/ctsh/ctsh/bindings/lualib/json"
	"github.com/ctsh/ctsh/bindings/lualib/log"
	"github.com/ctsh/ctsh/bindings/lualib/nft"
	"github.com/ctsh/ctsh/lua/keyed"
)

// openModules adds what scripts use beside connection tracking. What --allow
// does not grant is absent.
func (h *host) openModules(p *Program, opt *options) {
	keyed.Open(h.VM, nil)
	json.Open(h.VM)
	log.Open(h.VM, log.Options{Stderr: p.Stderr, TTY: p.StderrTTY, Getenv: p.Getenv})
	if opt.allow.FS {
		h.files = fs.Open(h.VM)
	}
	if opt.allow.Exec {
		exec.Open(h.VM)
	}
	if opt.allow.Net {
		h.http = http.Open(h.VM, http.Options{})
	}
}

// openSets adds the sets of the firewall. Their changes are plans, so ct must be
// open.
func (h *host) openSets(p *Program, opt *options) {
	h.sets = nft.Open(h.VM, nft.Options{NS: h.ns, DryRun: opt.dryRun, ReadOnly: opt.readOnly, Stderr: p.Stderr, Plan: h.ct.Plan, Columns: ct.Columns})
	h.ct.Reverts(nft.NoteKind, h.sets.Revert)
}

// denied tells how to get what --allow does not grant.
func (a *allowance) denied() map[string]string {
	names := map[string]string{}
	for _, m := range []struct {
		granted      bool
		global, word string
	}{{a.FS, "fs", "fs"}, {a.Exec, "exec", "exec"}, {a.Net, "http", "net"}} {
		if !m.granted {
			names[m.global] = "it is there with --allow " + m.word
		}
	}
	return names
}

// closeModules gives back what they hold, once the script has ended.
func (h *host) closeModules() {
	if h.files != nil {
		h.files.Close()
	}
	if h.http != nil {
		h.http.Close()
	}
}
