package log

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/journal"
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

func clock() time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 5e6, time.FixedZone("", 3600))
}

func env(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestExamples(t *testing.T) {
	luatest.Examples(t, []*registry.Family{module.Family}, func(_ *testing.T, out io.Writer) *vm.VM {
		v := vm.New(context.Background(), vm.Options{Stdout: out})
		Open(v, Options{Stderr: out, TTY: true, Getenv: env("NO_COLOR", "1"), Now: func() time.Time { return clock().Truncate(time.Second) }})
		return v
	})
}

// sinks runs a script once for each kind of sink and returns what each got;
// what the journal got has a line a field. More than one write for a call is an
// error.
func sinks(t *testing.T, code string) (text, line, sent string) {
	t.Helper()
	for i, out := range []*string{&text, &line, &sent} {
		v := vm.New(context.Background(), vm.Options{})
		v.Tasks.Lock()
		var w writes
		l := newLogger(Options{Stderr: &w, TTY: i == 0, Getenv: env("NO_COLOR", "1"), Now: clock})
		l.journal, l.send = i == 2, func(message string, priority journal.Priority, fields map[string]string) error {
			all, err := json.Marshal(fields)
			w = append(w, fmt.Sprintf("%d %s %s", priority, message, all))
			return err
		}
		v.Set("log", module.Table(v.L, l))
		if err := v.Run("test", code); err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		if len(w) != 1 {
			t.Fatalf("%s: want 1 write, got %q", code, w)
		}
		*out = w[0]
		v.Tasks.Unlock()
		v.Close()
	}
	return text, line, sent
}

type writes []string

func (w *writes) Write(b []byte) (int, error) { *w = append(*w, string(b)); return len(b), nil }

func TestSinks(t *testing.T) {
	for _, c := range []struct{ code, text, json, journal string }{
		{`log.info("up")`, `INFO  up`, `"level":"info","msg":"up"`, `6 up {}`},
		{`log.error("no <b> & x", {b = 1, a = "x", c = true})`, `ERROR no <b> & x a=x b=1 c=true`,
			`"level":"error","msg":"no <b> & x","a":"x","b":1,"c":true`, `3 no <b> & x {"A":"x","B":"1","C":"true"}`},
		{`log.warn(5, {["a b"] = 'q"', e = "", ["="] = "x=y"})`, `WARN  5 "="="x=y" "a b"="q\"" e=""`,
			`"level":"warn","msg":"5","=":"x=y","a b":"q\"","e":""`, `4 5 {"A_B":"q\"","CTSH__":"x=y","E":""}`},
		{`log.info({1, {x = false}}, {t = {}, m = {1, k = "v"}, h = {[3] = "c"}})`, `INFO  [1,{"x":false}] h={"3":"c"} m={"1":1,"k":"v"} t={}`,
			`"level":"info","msg":"[1,{\"x\":false}]","h":{"3":"c"},"m":{"1":1,"k":"v"},"t":{}`, `6 [1,{"x":false}] {"H":"{\"3\":\"c\"}","M":"{\"1\":1,\"k\":\"v\"}","T":"{}"}`},
		{`log.info("n", {a = 0/0, b = 1/0, c = 2^53, d = 2^60, e = 0.1, f = -3, g = {2^60}})`, `INFO  n a=NaN b=+Inf c=9007199254740992 d=1.152921504606847e+18 e=0.1 f=-3 g=["1.152921504606847e+18"]`,
			`"level":"info","msg":"n","a":"NaN","b":"+Inf","c":9007199254740992,"d":"1.152921504606847e+18","e":0.1,"f":-3,"g":["1.152921504606847e+18"]`,
			`6 n {"A":"NaN","B":"+Inf","C":"9007199254740992","D":"1.152921504606847e+18","E":"0.1","F":"-3","G":"[\"1.152921504606847e+18\"]"}`},
		{`log.info(setmetatable({}, {__tostring = function() return "obj" end}), {f = print, o = setmetatable({}, {__tostring = function() return "it" end})})`,
			`INFO  obj f=function o=it`, `"level":"info","msg":"obj","f":"function","o":"it"`, `6 obj {"F":"function","O":"it"}`},
		{`log.info("x", {err = select(2, pcall(log.level, "inof"))})`,
			`INFO  x err="test:1: bad argument \"level\" of log.level: want \"debug\", \"info\", \"warn\" or \"error\", got \"inof\""`,
			`"level":"info","msg":"x","err":"test:1: bad argument \"level\" of log.level: want \"debug\", \"info\", \"warn\" or \"error\", got \"inof\""`,
			`6 x {"ERR":"test:1: bad argument \"level\" of log.level: want \"debug\", \"info\", \"warn\" or \"error\", got \"inof\""}`},
		{`log.info("a\nb\27[0m", {v = "\r\t\226\128\174", ["k\n"] = "\255"})`, `INFO  a\nb\x1b[0m "k\n"="\xff" v="\r\t\u202e"`,
			`"level":"info","msg":"a\nb\u001b[0m","k\n":"\ufffd","v":"\r\t\u202e"`, `6 a\nb\x1b[0m {"K_":"\\xff","V":"\\r\\t\\u202e"}`},
		{`log.info("taken", {msg = 1, level = 2, time = 3, ctsh_msg = 4, priority = 5, _pid = 6, syslog_identifier = 7, ["1st"] = 8, ["a-b"] = 9, ["a.b"] = 10})`,
			`INFO  taken 1st=8 _pid=6 a-b=9 a.b=10 ctsh_msg=4 level=2 msg=1 priority=5 syslog_identifier=7 time=3`,
			`"level":"info","msg":"taken","1st":8,"_pid":6,"a-b":9,"a.b":10,"ctsh_msg":4,"ctsh_level":2,"ctsh_msg_2":1,"priority":5,"syslog_identifier":7,"ctsh_time":3`,
			`6 taken {"A_B":"9","A_B_2":"10","CTSH_1ST":"8","CTSH_MSG":"4","CTSH_PRIORITY":"5","CTSH_SYSLOG_IDENTIFIER":"7","CTSH__PID":"6","LEVEL":"2","MSG":"1","TIME":"3"}`},
	} {
		text, line, sent := sinks(t, c.code)
		if want := "2026-01-02 03:04:05.005 " + c.text + "\n"; text != want {
			t.Errorf("%s\ntext\n%swant\n%s", c.code, text, want)
		}
		if want := `{"time":"2026-01-02T03:04:05.005+01:00",` + c.json + "}\n"; line != want {
			t.Errorf("%s\njson\n%swant\n%s", c.code, line, want)
		}
		if sent != c.journal {
			t.Errorf("%s\njournal\n%s\nwant\n%s", c.code, sent, c.journal)
		}
	}
}

// TestBounds logs what has no end or is very large.
func TestBounds(t *testing.T) {
	for _, code := range []string{
		`t = {} t.t = t log.info("self", {t = t})`,
		`t = {} for i = 1, 10 do t[i] = t end log.info("wide", {t = t})`,
		`t = {} for i = 1, 1e5 do t[i] = i end log.info("long", {a = t, b = t, c = {t, t, t}})`,
		`t = {} for i = 1, 1e4 do t["k" .. i] = {} end log.info("keys", {a = t})`,
		`log.info(("x"):rep(16 * 1024 * 1024), {a = ("\255"):rep(1e6), [("k"):rep(1e5)] = 1})`,
		`log.info("é" .. ("é"):rep(1e6))`,
		`log.info(setmetatable({}, {__tostring = function() return ("o"):rep(1e6) end}))`,
	} {
		begin := time.Now()
		text, line, sent := sinks(t, code)
		if n := max(len(text), len(line), len(sent)); n > 8*maxBytes {
			t.Errorf("%s: a line of %d bytes", code, n)
		}
		if !strings.Contains(text, ellipsis) {
			t.Errorf("%s: nothing says that something is missing", code)
		}
		if !json.Valid([]byte(line)) {
			t.Errorf("%s: no JSON: %.200s", code, line)
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("%s took %v", code, d)
		}
	}
}

func TestRefused(t *testing.T) {
	v := vm.New(context.Background(), vm.Options{})
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	Open(v, Options{Stderr: full})
	for _, c := range []struct {
		code, want string
		kind       luaerr.Code
	}{
		{`log.info()`, `bad argument "message" of log.info: want a value, got nil`, luaerr.ETYPE},
		{`log.info("x", "y")`, `bad argument "fields" of log.info: want a table, got "y"`, luaerr.ETYPE},
		{`log.info("x", {1})`, `unexpected item 1: want named fields`, luaerr.ETYPE},
		{`t = {} for i = 1, 101 do t["k" .. i] = i end log.info("x", t)`, `more than 100 fields`, luaerr.ETYPE},
		{`log.level("loud")`, `want "debug", "info", "warn" or "error", got "loud"`, luaerr.ETYPE},
		{`log.info("x", {}, 1)`, `log.info takes at most 2 arguments, got 3`, luaerr.ETYPE},
		{`log.info("x", {a = setmetatable({}, {__tostring = function() error("inner", 0) end})})`, `inner`, luaerr.ESCRIPT},
		{`log.info("x")`, `no space left on device`, "ENOSPC"},
	} {
		err := v.Run("test", c.code)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.code, err, c.want)
		}
	}
	if err := v.Run("test", `log.debug("x")`); err != nil {
		t.Errorf("a line that is left out was written: %v", err)
	}
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		tty  bool
		env  func(string) string
		want bool
	}{
		{true, env(), true}, {true, nil, true}, {false, env(), false},
		{true, env("NO_COLOR", "1"), false}, {true, env("NO_COLOR", ""), true}, {true, env("TERM", "dumb"), false},
	} {
		if got := newLogger(Options{TTY: c.tty, Getenv: c.env}).colour; got != c.want {
			t.Errorf("tty %v: colour %v, want %v", c.tty, got, c.want)
		}
	}
	ln := &line{level: failure, message: "x"}
	if got := string(ln.text(clock(), true)); got != "2026-01-02 03:04:05.005 \x1b[31mERROR\x1b[0m x\n" {
		t.Errorf("%q", got)
	}
}

func TestJournalStream(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		w      io.Writer
		stream string
		want   bool
	}{
		{f, fmt.Sprintf("%d:%d", st.Dev, st.Ino), true}, {f, fmt.Sprintf("%d:%d", st.Dev, st.Ino+1), false}, {f, "", false}, {f, "x", false},
		{&writes{}, fmt.Sprintf("%d:%d", st.Dev, st.Ino), false}, {nil, "1:2", false},
	} {
		if got := newLogger(Options{Stderr: c.w, Getenv: env("JOURNAL_STREAM", c.stream)}).journal; got != c.want {
			t.Errorf("%T with JOURNAL_STREAM=%q: journal %v, want %v", c.w, c.stream, got, c.want)
		}
	}
	var w writes
	l := newLogger(Options{Stderr: &w, Now: clock})
	l.journal, l.send = true, func(string, journal.Priority, map[string]string) error { return errors.New("no journal") }
	if err := l.write(&line{level: warn, message: "x"}); err != nil || len(w) != 1 || !strings.HasPrefix(w[0], `{"time":`) {
		t.Errorf("what the journal did not take was written as %q, %v", w, err)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "plain", "a b", "\x1b[31m", "\n", "\u202e", "\xff", "\u2028", "\u009b", `"`, "_PID", "MESSAGE", "msg"} {
		f.Add(s, s, s)
	}
	L := lua.NewState()
	f.Cleanup(L.Close)
	f.Fuzz(func(t *testing.T, message, key, value string) {
		nested := L.NewTable()
		nested.RawSetString(key, lua.LString(value))
		nested.RawSetInt(1, lua.LString(key))
		r := &reader{L: L, left: maxBytes}
		ln := &line{message: r.cut(message), fields: []field{{r.cut(key), r.value(lua.LString(value), 0)}, {r.cut(key + "t"), r.value(nested, 0)}}}
		text, line := string(ln.text(clock(), false)), string(ln.json(clock()))
		sent, _, fields := ln.forJournal()
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %q", line)
		}
		all := []string{strings.TrimSuffix(text, "\n"), strings.TrimSuffix(line, "\n"), sent}
		if len(fields) != 2 {
			t.Errorf("2 fields became %d", len(fields))
		}
		for name, value := range fields {
			if len(name) > 64 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" || name[0] < 'A' || name[0] == '_' || name == "MESSAGE" {
				t.Errorf("the journal would not take %q", name)
			}
			all = append(all, value)
		}
		for _, s := range all {
			if strings.ContainsFunc(s, func(r rune) bool {
				return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
			}) {
				t.Errorf("a raw control character in %q", s)
			}
		}
	})
}
