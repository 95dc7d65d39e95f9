package archive

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// table is a namespace of which a rule uses labels, and its connection tracking.
func table(t *testing.T, reqs []*wire.Create) (*netns.NS, conntrack.Kernel) {
	t.Helper()
	ns := netnstest.New(t)
	netnstest.Feed(t, ns, "table inet labels { chain c { ct label set 1; }; }", "nft", "-f", "-")
	k := conntrack.Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	restoretest.Make(t, k, reqs)
	return ns, k
}

// bring makes the flows of a file in a table.
func bring(t *testing.T, f *File, k conntrack.Kernel) {
	t.Helper()
	var reqs []*wire.Create
	if err := restore.Ordered(f.Each, func(e *wire.Entry, problem *restore.MasterError) error {
		if problem != nil {
			return problem
		}
		c, err := restore.Request(e, restore.Options{Age: f.Age()})
		reqs = append(reqs, c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	restoretest.Make(t, k, reqs)
}

// compare reads a table and names what differs from one read before, flow by flow.
func compare(t *testing.T, was, is []restoretest.Flow, opt restore.Options, known func(was *wire.Entry, differs []string) []string) {
	t.Helper()
	if len(was) != len(is) {
		t.Fatalf("%d flows were there, %d are", len(was), len(is))
	}
	for i := range was {
		w, now := &was[i].Entry, &is[i].Entry
		differs := restore.Differs(w, now, opt)
		if known != nil {
			differs = known(w, differs)
		}
		if len(differs) > 0 {
			t.Errorf("%s differs in %s\nwas %+v\nis  %+v", w.Orig, strings.Join(differs, ", "), *w, *now)
		}
	}
}

// TestThroughAFile saves a table, empties it and makes it again out of the file,
// twice.
func TestThroughAFile(t *testing.T) {
	for name, reqs := range map[string][]*wire.Create{"mixed": restoretest.Mixed(), "every": restoretest.Every()} {
		t.Run(name, func(t *testing.T) {
			_, k := table(t, reqs)
			path := filepath.Join(t.TempDir(), "flows")
			w, err := Create(path, Header{})
			if err != nil {
				t.Fatal(err)
			}
			was := restoretest.Read(t, k)
			for _, flow := range was {
				if err := w.Add(flow.Raw); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			f := open(t, path)
			for range 2 {
				restoretest.Empty(t, k)
				bring(t, f, k)
				is := restoretest.Read(t, k)
				compare(t, was, is, restore.Options{Age: f.Age()}, nil)
			}
		})
	}
}

// TestAMessageOfOurs is the message of a dump written again from what was decoded:
// nothing that the kernel said is lost on the way.
func TestAMessageOfOurs(t *testing.T) {
	_, k := table(t, restoretest.Every())
	for _, flow := range restoretest.Read(t, k) {
		var v wire.View
		if err := v.Reset(flow.Entry.AppendMessage(nil)); err != nil {
			t.Fatal(err)
		}
		var again wire.Entry
		v.Entry(&again)
		if again.Flow != flow.Entry.Flow || again.Master != flow.Entry.Master || again.SeqAdj != flow.Entry.SeqAdj ||
			again.SynProxy != flow.Entry.SynProxy || again.Helper != flow.Entry.Helper {
			t.Errorf("%s\nwas %+v\nis  %+v", flow.Entry.Orig, flow.Entry, again)
		}
		if flow.Entry.Orig.Proto == wire.ProtoDCCP {
			continue // this kernel may send no ports for it
		}
		if ours, theirs := len(v.Raw()), len(flow.Raw); ours != theirs {
			t.Errorf("%s: %d bytes, the kernel sent %d", flow.Entry.Orig, ours, theirs)
		}
	}
}

// unsaid is what the text of the command does not say.
var unsaid = []string{"mark", "labels", "helper", "master", "tcp_flags", "wscale", "seq_adjust", "synproxy"}

// TestTextOfTheCommand reads what the installed command writes of a table: all
// that it says is read right.
func TestTextOfTheCommand(t *testing.T) {
	for name, reqs := range map[string][]*wire.Create{"mixed": restoretest.Mixed(), "every": restoretest.Every()} {
		t.Run(name, func(t *testing.T) {
			netnstest.Command(t, "conntrack")
			ns, k := table(t, reqs)
			was := restoretest.Read(t, k)
			path := filepath.Join(t.TempDir(), "text")
			text := netnstest.Run(t, ns, "conntrack", "-L", "-o", "save")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f := open(t, path)
			if f.Len() != len(was) {
				t.Fatalf("%d flows of %d", f.Len(), len(was))
			}
			_, ours := table(t, nil)
			bring(t, f, ours)
			compare(t, was, restoretest.Read(t, ours), restore.Options{}, func(was *wire.Entry, differs []string) []string {
				return slices.DeleteFunc(differs, func(part string) bool { return slices.Contains(unsaid, part) || lostInText(was, part) })
			})
			alike(t, text, ours)
		})
	}
}

// lostInText tells whether a part of a flow gets lost or is taken for another in
// the text, beside what no flow has in it.
func lostInText(was *wire.Entry, part string) bool {
	inv, _ := was.Orig.Invert()
	inv.Zone = was.Reply.Zone
	icmp := was.Orig.Proto == wire.ProtoICMP || was.Orig.Proto == wire.ProtoICMPv6
	switch part {
	case "reply tuple": // the identifier of ICMP
		return icmp && was.Reply.SrcPort != was.Orig.SrcPort
	case "snat", "dnat": // where that is all there is to a translation, or a port is another by hand
		hand := was.Status&(wire.StatusSrcNAT|wire.StatusDstNAT) == 0 && was.Reply.Src == was.Orig.Dst && was.Reply.Dst == was.Orig.Src
		return icmp && was.Reply.SrcPort != was.Orig.SrcPort || hand && was.Reply != inv
	case "status": // HELPER, and that NAT has looked and left a flow alone
		return was.Status&wire.StatusHelper != 0 || was.Status&wire.StatusSrcNATDone != 0 && was.Reply == inv ||
			icmp && was.Reply.SrcPort != was.Orig.SrcPort
	}
	return false
}

// alike lets the command read its own text in another namespace: the same flows
// come of it, except that it makes some translations of ports wrong.
func alike(t *testing.T, text string, ours conntrack.Kernel) {
	t.Helper()
	ns, theirs := table(t, nil)
	var script strings.Builder
	for line := range strings.Lines(text) {
		// It does not read what it writes of DCCP and of a state that it does not
		// know, and asks for EXPECTED, which no kernel takes.
		if !strings.Contains(line, "-p dccp") {
			script.WriteString(strings.NewReplacer("(null)", "NONE", "EXPECTED,", "").Replace(line))
		}
	}
	netnstest.Feed(t, ns, script.String(), "conntrack", "-R", "-")
	made := map[wire.Tuple]*wire.Entry{}
	for _, f := range restoretest.Read(t, theirs) {
		made[f.Entry.Orig] = &f.Entry
	}
	for _, f := range restoretest.Read(t, ours) {
		x, y := &f.Entry, made[f.Entry.Orig]
		delete(made, x.Orig)
		switch {
		case x.Orig.Proto == wire.ProtoDCCP:
			continue
		case y == nil:
			t.Errorf("the command did not make %s", x.Orig)
			continue
		}
		ports := wire.HasPorts(x.Orig.Proto) && (x.Reply.SrcPort != x.Orig.DstPort || x.Reply.DstPort != x.Orig.SrcPort)
		sameState := x.State == y.State || x.Orig.Proto == wire.ProtoSCTP && x.State == 8
		if (x.Reply != y.Reply || x.Status != y.Status) && !ports || !sameState || x.VTags() != y.VTags() || x.TCP() != y.TCP() {
			t.Errorf("we made\n%+v, and the command\n%+v", *x, *y)
		}
	}
	if len(made) > 0 {
		t.Errorf("the command made %d more flows", len(made))
	}
}

// TestFullDisk saves to disks that get full: nothing is there in the end that was
// not before.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=32k"); err != nil {
		t.Skipf("needs to mount a file system: %v", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	path := filepath.Join(dir, "flows")
	old := messages()[:10]
	for i, list := range [][][]byte{old, messages(), messages()[:150]} {
		w, err := Create(path, Header{})
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range list {
			if err = w.Add(raw); err != nil {
				break
			}
		}
		if closed := w.Close(); err == nil {
			err = closed
		}
		if full := i > 0; full != (err != nil) || full && !strings.Contains(err.Error(), "free space") {
			t.Errorf("%d flows: %v", len(list), err)
		}
		alone(t, dir, "flows")
		if f := open(t, path); f.Len() != len(old) || f.Damage() != nil {
			t.Errorf("%d flows: %d are in the file, %v", len(list), f.Len(), f.Damage())
		}
	}
}
