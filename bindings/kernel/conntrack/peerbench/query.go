package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// sources is how many source addresses the flows of the query table have. It
// has no factor in common with the other parts of a tuple, which repeat too.
const sources = 105_019

// question is one query, and the pipeline of shell commands that does the same.
type question struct {
	name   string
	script string
	shell  string
	same   bool // both print the same number
	budget func(row) row
}

// Pipelines in use today. The first field that begins with src= is the source
// of the original direction: its number differs from protocol to protocol.
const (
	listing  = "conntrack -L 2>/dev/null"
	awkSrc   = `{for (i = 1; i <= NF; i++) if ($i ~ /^src=/) {print substr($i, 5); break}}`
	awkBytes = `{s = ""; b = 0; for (i = 1; i <= NF; i++) {if (s == "" && $i ~ /^src=/) s = substr($i, 5); else if ($i ~ /^bytes=/) b += substr($i, 7)} t[s] += b} END {for (s in t) print t[s], s}`
	awkPort  = `{n = 0; for (i = 1; i <= NF; i++) if ($i ~ /^dport=/) {n = substr($i, 7); break} if (n == 443) c++} END {print c + 0}`
)

func ours(limit float64) func(row) row {
	return func(r row) row { return r.budget(fmt.Sprintf("<= %.2f raw", limit), r.ofRaw() <= limit) }
}

func grouped(r row) row {
	return r.budget("<= 1.15 raw, peer >= 2.2", r.ofRaw() <= 1.15 && r.ofUs() >= 2.2)
}

func questions() []question {
	count := func(filter string) string { return "print(flows:where(" + filter + "):count())" }
	return []question{
		{"by src, sum of bytes, top 10", `flows:by("src"):sum("bytes"):top(10):print()`,
			listing + " | awk '" + awkBytes + "' | sort -rn | head", false,
			grouped},
		{"by src, count, top 10", `flows:by("src"):count():top(10):print()`,
			listing + " | awk '" + awkSrc + "' | sort | uniq -c | sort -rn | head", false, nil},
		{"tcp, dport 22, src in 10/8: count", count(`"tcp and dport == 22 and src in 10.0.0.0/8"`),
			"conntrack -L -p tcp --dport 22 2>/dev/null | grep -c 'src=10\\.[^ ]* dst=192'", true, nil},
		{"src in 10/8, bytes < 1 MB: count", count(`"src in 10.0.0.0/8 and bytes < 1MB"`), "", false, ours(1.06)},
		{"Lua function of a field", count("function(dport) return dport == 443 end"),
			listing + " | awk '" + awkPort + "'", true, ours(1.10)},
		{"Lua function of the flow", count("function(f) return f.dport == 443 end"),
			listing + " | awk '" + awkPort + "'", true, ours(1.25)},
		{"each(function(src, bytes) ... end)", `local n = 0 flows:each(function(src, bytes) n = n + bytes end) print(n)`, "", false, nil},
		{"listing like conntrack -L", `flows:print{format = "conntrack"}`, listing + " >/dev/null", false,
			func(r row) row { return r.budget("<= 0.65 peer", 1/r.ofUs() <= 0.65) }},
		{"JSON lines", `flows:print{format = "ndjson"}`, listing + " >/dev/null", false,
			func(r row) row { return r.budget("<= 0.75 peer", 1/r.ofUs() <= 0.75) }},
	}
}

// query asks the big table, each question in a process of its own.
func (b *bench) query() error {
	w, err := b.newWorld(b.flows)
	if err != nil {
		return err
	}
	defer w.close()
	err = w.fill(0, b.flows, func(i int, c *wire.Create) {
		e := &c.Entry
		s := i % sources
		e.Orig.Src[13], e.Orig.Src[14], e.Orig.Src[15] = byte(s>>16), byte(s>>8), byte(s)
		if i%50 == 4 {
			e.Orig.DstPort = 22
		}
		e.Reply, _ = e.Orig.Invert()
	})
	if err != nil {
		return err
	}
	raw := contender{run: func() error { n, err := w.rawDump(); return counted(err, n, b.flows) }}
	for _, q := range questions() {
		var out, theirs []byte
		var peak uint64
		list := []contender{raw, {run: func() (err error) { out, peak, err = w.measured(q.same, b.ctsh, "-e", q.script); return err }}}
		if q.shell != "" {
			list = append(list, contender{run: func() (err error) { theirs, _, err = w.measured(q.same, "sh", "-c", q.shell); return err }})
		}
		t, err := b.alternate(list...)
		if err != nil {
			return err
		}
		if q.same && !bytes.Equal(bytes.TrimSpace(out), bytes.TrimSpace(theirs)) {
			return fmt.Errorf("%s: %s, the pipeline says %s", q.name, bytes.TrimSpace(out), bytes.TrimSpace(theirs))
		}
		mib := float64(peak) / 1024
		r := row{Name: q.name, Ours: t[1], Unit: "s", Raw: t[0], Note: fmt.Sprintf("%.0f MiB", mib)}
		if len(t) > 2 {
			r.Peer, r.Versus = t[2], strings.Fields(q.shell)[0]+" pipeline"
		}
		if q.budget != nil {
			r = q.budget(r)
		}
		b.rows = append(b.rows, r, row{Name: "  its memory", Ours: mib, Unit: "MiB"}.budget("<= 64 MiB", mib <= 64))
	}
	return b.manyAddresses(w)
}

// manyAddresses compares ten thousand addresses as one parameter with one.
func (b *bench) manyAddresses(w *world) error {
	script := func(n int) string {
		return fmt.Sprintf(`local list = {} for i = 1, %d do list[i] = string.format("10.9.%%d.%%d", math.floor(i / 250), i %% 250) end print(flows:where("src in $1", list):count())`, n)
	}
	run := func(n int) contender {
		return contender{run: func() error { return w.silent(b.ctsh, "-e", script(n)) }}
	}
	t, err := b.alternate(run(1), run(10_000))
	if err != nil {
		return err
	}
	r := row{Name: "10 000 addresses as one parameter", Ours: t[1], Unit: "s", Raw: t[0], Note: "raw is one address"}
	b.rows = append(b.rows, r.budget("<= 1.10 of one", r.ofRaw() <= 1.10))
	return nil
}

// measured runs a command in the namespace and returns its largest memory, and
// with keep what it printed, up to a page of it; else that goes to /dev/null.
func (w *world) measured(keep bool, name string, args ...string) (out []byte, peakKiB uint64, err error) {
	var page head
	var errs bytes.Buffer
	cmd := exec.CommandContext(w.ctx, name, args...)
	cmd.Stderr = &errs
	if keep {
		cmd.Stdout = &page
	}
	if err := w.ns.Do(cmd.Run); err != nil {
		return nil, 0, fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(errs.Bytes()))
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peakKiB = uint64(u.Maxrss)
	}
	return page.b, peakKiB, nil
}

// head keeps the first page of what is written to it.
type head struct{ b []byte }

func (h *head) Write(p []byte) (int, error) {
	if room := 4096 - len(h.b); room > 0 {
		h.b = append(h.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
