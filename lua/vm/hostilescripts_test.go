package vm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// TestHostileScripts runs each script of testdata/hostile.txtar against a
// deadline of its own, beside a script that must not notice.
func TestHostileScripts(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/hostile.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) < 60 {
		t.Fatalf("only %d scripts", len(archive.Files))
	}
	const grace = 2 * time.Second
	before := runtime.NumGoroutine()
	neighbour := New(context.Background(), Options{})
	defer neighbour.Close()
	neighbour.OpenTasks()
	neighbour.Tasks.Lock()
	if err := neighbour.Run("neighbour", `beats = 0 every("5ms", function() beats = beats + 1 end)`); err != nil {
		t.Fatal(err)
	}
	neighbour.Tasks.Unlock()
	for _, file := range archive.Files {
		t.Run(strings.TrimSuffix(file.Name, ".lua"), func(t *testing.T) {
			first, _, _ := strings.Cut(string(file.Data), "\n")
			want := strings.TrimPrefix(first, "-- ")
			deadline := 20 * time.Second // of those that end by themselves
			if want == "deadline" {
				deadline = 400 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			defer cancel()
			began := time.Now()
			_, stderr, err := within(t, ctx, string(file.Data))
			if took := time.Since(began); want == "deadline" && took > deadline+grace {
				t.Errorf("ended %s after its deadline", took-deadline)
			}
			checkEnd(t, want, err)
			if strings.Contains(stderr, "goroutine") {
				t.Errorf("stderr: %.500s", stderr)
			}
		})
	}
	neighbour.Tasks.Lock()
	beats, err := neighbour.Eval("neighbour", "beats")
	neighbour.Tasks.Unlock()
	if err != nil || beats[0].String() == "0" {
		t.Errorf("the neighbour ran %v times: %v", beats, err)
	}
	settled := func() bool { return runtime.NumGoroutine() <= before+3 } // the neighbour's own
	for range 200 {
		if settled() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// checkEnd compares how a script ended with what its first line says.
func checkEnd(t *testing.T, want string, err error) {
	t.Helper()
	var exit *luaerr.Exit
	switch {
	case want == "done":
		if err != nil {
			t.Errorf("ended with %.300v", err)
		}
	case want == "deadline":
		if !errors.Is(err, luaerr.ETIMEDOUT) {
			t.Errorf("ended with %.300v, not by its deadline", err)
		}
	case strings.HasPrefix(want, "exit("):
		if !errors.As(err, &exit) || exit.Error() != want {
			t.Errorf("ended with %.300v, want %s", err, want)
		}
	case err == nil || !strings.Contains(err.Error(), want):
		t.Errorf("ended with %.300v, want %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("the reason is longer than a line: %.300v", err)
	}
}
