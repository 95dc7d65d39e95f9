package worker

import (
	"bytes"
	"io"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestJudge(t *testing.T) {
	const trace = "\ngoroutine 1 [running]:\nmain.main()\n"
	for name, c := range map[string]struct {
		text    string
		code    int
		signal  syscall.Signal
		full    bool
		starved bool
		fatal   string
		passed  string // of text, "" is nothing
	}{
		"in order":             {},
		"a script's own code":  {code: 2},
		"a script's 2 speaks":  {text: "runtime: a remark\n", code: 2, passed: "runtime: a remark\n"},
		"heap":                 {text: "runtime: out of memory: cannot allocate 4194304-byte block (8 in use)\nfatal error: out of memory\n" + trace, code: 2, starved: true},
		"metadata":             {text: "fatal error: out of memory allocating heap arena metadata\n" + trace, code: 2, starved: true},
		"small":                {text: "fatal error: runtime: cannot allocate memory\n" + trace, code: 2, starved: true},
		"not looked, full":     {text: "SIGSEGV: segmentation violation\nPC=0x4 m=2 sigcode=1 addr=0x0\n" + trace, code: 2, full: true, starved: true},
		"not looked, not full": {text: "SIGSEGV: segmentation violation\nPC=0x4 m=2\n" + trace, code: 2, fatal: "SIGSEGV: segmentation violation"},
		"no thread, full":      {text: "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n", code: 2, full: true, starved: true},
		"no thread, not full":  {text: "runtime/cgo: pthread_create failed: Resource temporarily unavailable\n", signal: unix.SIGABRT, code: 134, fatal: "runtime/cgo: pthread_create failed: Resource temporarily unavailable"},
		"stack":                {text: "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n" + trace, code: 2, full: true, fatal: "stack overflow"},
		"maps":                 {text: "fatal error: concurrent map writes\n" + trace, code: 2, fatal: "concurrent map writes"},
		"panic":                {text: "panic: out of luck\n" + trace, code: 2, fatal: "panic: out of luck"},
		"core dump":            {text: "panic: x\n" + trace, code: 134, signal: unix.SIGABRT, fatal: "panic: x"},
		"died hard, full":      {code: 139, signal: unix.SIGSEGV, full: true, starved: true},
		"got stuck":            {text: "fatal error: deadlock\n", code: 137, signal: unix.SIGKILL, fatal: "deadlock"},
		"killed":               {code: 137, signal: unix.SIGKILL, full: true},
		"terminated":           {text: "runtime: x\n", code: 143, signal: unix.SIGTERM, passed: "runtime: x\n"},
		"quit":                 {text: "SIGQUIT: quit\nPC=0x4\n" + trace, code: 2, passed: "SIGQUIT: quit\nPC=0x4\n" + trace},
		"a false alarm":        {text: "fatal error: so a script wrote\n", code: 3, passed: "fatal error: so a script wrote\n"},
		"in the midst":         {text: "gc 1 @0.1s\ngc 2\nfatal error: x\n", code: 2, fatal: "x", passed: "gc 1 @0.1s\ngc 2\n"},
	} {
		var out bytes.Buffer
		cr := &crash{out: &out}
		alarms := 0
		cr.read(strings.NewReader(c.text), func() { alarms++ })
		e := cr.judge(c.code, c.signal, c.full)
		cr.release(e)
		if e.Starved != c.starved || e.Fatal != c.fatal || e.Code != c.code || e.Signal != c.signal || out.String() != c.passed {
			t.Errorf("%s: %+v, passed on %q", name, e, out.String())
		}
		if wants := c.fatal != "" || c.starved && c.text != "" || name == "a false alarm"; wants != (alarms == 1) {
			t.Errorf("%s: %d alarms", name, alarms)
		}
	}
}

// What is no crash goes through at once, line by line, and nothing is too long.
func TestReadPassesOn(t *testing.T) {
	r, w := io.Pipe()
	out := make(chan string)
	c := &crash{out: writer(func(b []byte) { out <- string(b) })}
	ended := make(chan struct{})
	go func() { c.read(r, func() { t.Error("an alarm") }); close(ended) }()
	for _, line := range []string{"gc 1 @0.1s\n", "gc 2\n", "x fatal error: y\n"} {
		if _, err := io.WriteString(w, line); err != nil || <-out != line {
			t.Fatalf("%q did not come through: %v", line, err)
		}
	}
	go func() { _, _ = io.WriteString(w, strings.Repeat("z", 10000)+"panic: z\nend"); w.Close() }()
	got := ""
	for len(got) < 10012 {
		got += <-out
	}
	<-ended
	if !strings.HasSuffix(got, "zpanic: z\nend") || c.held != nil {
		t.Errorf("passed on %d bytes, held back %q", len(got), c.held)
	}

	c = &crash{out: io.Discard}
	c.read(strings.NewReader("fatal error: x\n"+strings.Repeat("goroutine 1\n", 1<<17)), func() {})
	if len(c.held) != traceLimit {
		t.Errorf("kept %d bytes of a long trace, want %d", len(c.held), traceLimit)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func TestCollectorLimit(t *testing.T) {
	for _, c := range []struct{ memory, mapped, counted, want int64 }{
		{256, 60, 20, 256 - 40 - 16},
		{64, 44, 4, 64 - 40 - 4},
		{64, 4, 44, 60}, // never more than the bound
		{64, 200, 4, 8}, // never nothing
	} {
		if got := collectorLimit(c.memory<<20, c.mapped<<20, c.counted<<20); got != c.want<<20 {
			t.Errorf("%+v: %d", c, got>>20)
		}
	}
}
