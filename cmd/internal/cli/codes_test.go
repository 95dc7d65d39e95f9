package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run runs the command inside the test and returns what it did.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &Program{Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }}
	code = p.Main(context.Background())
	return code, out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.lua")
	if err := os.WriteFile(file, []byte("#!/usr/bin/env ctsh\nprint(arg[0] == arg[0], ...)\nprint(arg[1], #arg)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		stdin  string
		code   int
		stdout string // all of it
		stderr string // somewhere in it; "" means that there is none
	}{
		{args: []string{"-e", ""}},
		{args: []string{"-e", "print(1)", "-e", "print(2)"}, stdout: "1\n2\n"},
		{args: []string{"-e", "print(arg[1], arg[2])", "version", "--json"}, stdout: "version\t--json\n"},
		{args: []string{"-"}, stdin: "print('in')", stdout: "in\n"},
		{stdin: "print('in')", stdout: "in\n"},
		{args: []string{file, "--json"}, stdout: "true\n--json\t1\n"},
		{args: []string{"run", file, "a", "b"}, stdout: "true\na\t2\n"},
		{args: []string{"version", "x"}, code: 2, stderr: "takes no arguments"},
		{args: []string{"--scrach"}, code: 2, stderr: "did you mean --scratch?"},
		{args: []string{"verson"}, code: 2, stderr: `did you mean "version"?`},
		{args: []string{"no/such.lua"}, code: 2, stderr: "cannot read the script"},
		{args: []string{"run"}, code: 2, stderr: "which script?"},
		{args: []string{"--timeout", "5x", "-e", ""}, code: 2, stderr: "not a duration"},
		{args: []string{"--memory", "banana", "-e", ""}, code: 2, stderr: `"banana" is not a size`},
		{args: []string{"--memory", "1k", "-e", ""}, code: 2, stderr: `"1k" is too little to run in; at least 96MiB`},
		{args: []string{"--memory", "0", "-e", ""}, code: 2, stderr: "at least 96MiB"},
		{args: []string{"--memory", "-1GiB", "-e", ""}, code: 2, stderr: "not a size"},
		{args: []string{"--memory", "1e9", "-e", ""}, code: 2, stderr: "not a size"},
		{args: []string{"--memory", "99999TiB", "-e", ""}, code: 2, stderr: "2^53"},
		{args: []string{"--memory", "", "-e", ""}, code: 2, stderr: "not a size"},
		{args: []string{"--memory", "1GiB", "doctor"}, code: 2, stderr: `not with the command "doctor"`},
		{args: []string{"version", "--memory", "1GiB"}, code: 2, stderr: `not with the command "version"`},
		{args: []string{"-e", "", "--memory"}, code: 2, stderr: "flag needs an argument: --memory"},
		{args: []string{"--memry", "1GiB", file}, code: 2, stderr: "did you mean --memory?"},
		{args: []string{"--allow", "exce", "-e", ""}, code: 2, stderr: `did you mean "exec"?`},
		{args: []string{"--allow", "", "-e", ""}, code: 2, stderr: "--allow"},
		{args: []string{"--allow", "none", "-e", "print(io)"}, stdout: "nil\n"},
		{args: []string{"--allow", "exec,net", "-e", "print(io)"}, stdout: "nil\n"},
		{args: []string{"run", "--allow=fs", file}, stdout: "true\nnil\t0\n"},
		{args: []string{"-e", "print(type(io))"}, stdout: "table\n"},
		{args: []string{"--trust", file, "--trust"}, stdout: "true\n--trust\t1\n"},
		{args: []string{"--scratch", "--netns", "blue", "-e", ""}, code: 2, stderr: "exclude each other"},
		{args: []string{"--netns", "", "-e", "print(1)"}, code: 2, stderr: "--netns: the name is empty"},
		{args: []string{"--netns=", "-e", "print(1)"}, code: 2, stderr: "--netns: the name is empty"},
		{args: []string{"--netns", "", "doctor"}, code: 2, stderr: "--netns: the name is empty"},
		{args: []string{"run", "--netns", "", file}, code: 2, stderr: "--netns: the name is empty"},
		{args: []string{"--timeout", "", "-e", "print(1)"}, code: 2, stderr: `"" is not a duration`},
		{args: []string{"--dry-run=", "-e", "print(1)"}, code: 2, stderr: "--dry-run"},
		{args: []string{"undo", ""}, code: 2, stderr: "empty string"},
		{args: []string{""}, code: 2, stderr: "the name of the script is empty"},
		{args: []string{"run", ""}, code: 2, stderr: "the name of the script is empty"},
		{args: []string{file, "--dry-run"}, stdout: "true\n--dry-run\t1\n", stderr: "--dry-run behind FILE goes to the script; ctsh's own flags stand before it\n"},
		{args: []string{"run", file, "x", "--netns=blue"}, stdout: "true\nx\t2\n", stderr: "--netns behind FILE"},
		{args: []string{"-", "--scratch"}, stdin: "print(1)", stdout: "1\n", stderr: "--scratch behind FILE"},
		{args: []string{"-e", "print(1)", "x", "--read-only"}, stdout: "1\n", stderr: "--read-only behind an argument of -e"},
		{args: []string{file, "--dry-runs"}, stdout: "true\n--dry-runs\t1\n"},
		{args: []string{"--", file, "--dry-run"}, stdout: "true\n--dry-run\t1\n"},
		{args: []string{file, "--", "--dry-run"}, stdout: "true\n--\t2\n"},
		{args: []string{"--netns", "no-such-namespace", "-e", ""}, code: 2, stderr: "no-such-namespace"},
		{args: []string{"-e", "x = = 1"}, code: 2, stderr: "-e:1"},
		{args: []string{"-e", "prnt(1)"}, code: 2, stderr: "did you mean"},
		{args: []string{"-e", "error('broken', 0)"}, code: 1, stderr: "broken"},
		{args: []string{"-e", "exit(42)"}, code: 42},
		{args: []string{"-e", "print('x') exit()"}, stdout: "x\n"},
		{args: []string{"--timeout", "50ms", "-e", "while true do end"}, code: 124, stderr: "time limit"},
		{args: []string{"--timeout", "50ms", "-e", "sleep('1h')"}, code: 124, stderr: "time limit"},
		{args: []string{"--timeout", "50ms", "-e", "every('1h', print)"}, code: 124, stderr: "time limit"},
	} {
		code, stdout, stderr := run(t, c.stdin, c.args...)
		if code != c.code || stdout != c.stdout || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("ctsh %q\n  code %d, stdout %q, stderr %q\n  want %d, %q, %q", c.args, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
	}
}

// The codes that the help lists are those of the README, and none else.
func TestExitCodesAreTold(t *testing.T) {
	_, help, _ := run(t, "", "--help")
	_, told, ok := strings.Cut(help, "Exit codes:")
	told, _, _ = strings.Cut(told, "Usage:")
	readme, err := os.ReadFile("../../../README.md")
	if err != nil || !ok {
		t.Fatal(err, help)
	}
	var rows strings.Builder
	_, table, _ := strings.Cut(string(readme), "| exit code | means |")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		if cells := strings.Split(row, "|"); len(cells) > 2 {
			rows.WriteString(cells[1])
		}
	}
	number := regexp.MustCompile(`\d+`)
	if got, want := number.FindAllString(told, -1), number.FindAllString(rows.String(), -1); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the help lists %v, the README %v", got, want)
	}
}

// The flags that refuse changes say what they do not hold back.
func TestFlagsSayTheirBounds(t *testing.T) {
	_, help, _ := run(t, "", "--help")
	if n := strings.Count(help, "exec, fs and http act all the same"); n != 2 {
		t.Errorf("%d flags say it:\n%s", n, help)
	}
	for _, name := range []string{"exec", "fs", "fs.write"} {
		if _, text, _ := run(t, "", "help", name); !strings.Contains(text, "--dry-run and --read-only") {
			t.Errorf("help %s: %s", name, text)
		}
	}
}

func TestHelpCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string // in what it says
	}{
		{[]string{"help"}, 0, "Usage:\n  ctsh [flags]"},
		{[]string{"help", "run"}, 0, "ctsh run [flags] FILE"},
		{[]string{"help", "completion", "bash"}, 0, "ctsh completion bash"},
		{[]string{"help", "flows:delete"}, 0, "query:delete() -> plan"},
		{[]string{"help", "ban"}, 0, `ban: keeps an address out`},
		{[]string{"help", "bann"}, 2, `nothing is called "bann"; did you mean "ban"?`},
		{[]string{"help", "doctr"}, 2, `did you mean "doctor"?`},
		{[]string{"help", "flows:delte"}, 2, `nothing is called "flows:delte"; did you mean "query:delete"?`},
		{[]string{"help", "zzzzzzz"}, 2, "`ctsh help` lists the commands"},
		{[]string{"help", "run", "zzzzzzz"}, 2, `nothing is called "run zzzzzzz"`},
	} {
		code, stdout, stderr := run(t, "", c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) || (code == 0) != (stderr == "") {
			t.Errorf("ctsh %q: %d, %s%s\nwant %d, %s", c.args, code, stdout, stderr, c.code, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	if code, stdout, _ := run(t, "", "version"); code != 0 || !strings.HasPrefix(stdout, "ctsh "+release+" go") {
		t.Errorf("%d %q", code, stdout)
	}
	if code, stdout, _ := run(t, "", "--json", "version"); code != 0 || !strings.Contains(stdout, `"version":"`+release+`"`) {
		t.Errorf("%d %q", code, stdout)
	}
}

func TestInterrupt(t *testing.T) {
	signals := make(chan os.Signal, 1)
	var out, errs bytes.Buffer
	p := &Program{Args: []string{"-e", "print('on') while true do end"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Signals: signals}
	ended := make(chan int)
	go func() { ended <- p.Main(context.Background()) }()
	signals <- syscall.SIGINT
	select {
	case code := <-ended:
		if code != 130 || errs.Len() != 0 {
			t.Errorf("code %d, stderr %q", code, errs.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the script goes on")
	}
}
