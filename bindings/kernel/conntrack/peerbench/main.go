package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// bench is one run of the command.
type bench struct {
	ctx   context.Context
	flows int // in the big table
	bulk  int // in a bulk change
	runs  int
	only  *regexp.Regexp
	ctsh  string // path of the binary
	rows  []row
}

// chapters are the groups of rows, in the order of running.
var chapters = []struct {
	name string
	run  func(*bench) error
}{
	{"start", (*bench).start}, {"dump", (*bench).dump}, {"query", (*bench).query}, {"exact", (*bench).exact},
	{"create", (*bench).create}, {"delete", (*bench).delete}, {"update", (*bench).update}, {"plan", (*bench).plan}, {"events", (*bench).events},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peerbench:", err)
		os.Exit(1)
	}
}

func run() error {
	b := &bench{}
	var only, child string
	var asJSON bool
	flag.IntVar(&b.flows, "flows", 250_000, "flows in the big table")
	flag.IntVar(&b.bulk, "bulk", 100_000, "flows in a bulk create, delete or update")
	flag.IntVar(&b.runs, "runs", 5, "runs of each, of which the median counts")
	flag.StringVar(&only, "run", ".", "only the chapters that match `REGEXP`: start dump query exact create delete update plan events")
	flag.BoolVar(&asJSON, "json", false, "print rows as JSON lines")
	flag.StringVar(&child, "child", "", "used by the command itself, for what is measured in a process of its own")
	flag.Parse()
	if child != "" {
		return runChild(child)
	}
	var err error
	if b.only, err = regexp.Compile(only); err != nil {
		return err
	}
	if code, again, err := enter(); again || err != nil {
		if err == nil && code != 0 {
			err = fmt.Errorf("ended with code %d in a namespace of its own", code)
		}
		return err
	}
	var stop context.CancelFunc
	b.ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	remove, err := b.build()
	if err != nil {
		return err
	}
	defer remove()
	for _, c := range chapters {
		if !b.only.MatchString(c.name) {
			continue
		}
		before := len(b.rows)
		if err := c.run(b); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", c.name, err), b.ctx.Err())
		}
		if asJSON {
			for _, r := range b.rows[before:] {
				if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
					return err
				}
			}
			continue
		}
		if err := write(os.Stdout, c.name, b.rows[before:]); err != nil {
			return err
		}
	}
	return nil
}

// enter starts the command again in a namespace of its own where the user may
// not make any here.
func enter() (code int, again bool, err error) {
	switch {
	case netns.InScratch():
		return 0, false, netns.EnterScratch()
	case netns.HasCap(unix.CAP_SYS_ADMIN) && netns.HasCap(unix.CAP_NET_ADMIN):
		return 0, false, nil
	}
	code, err = netns.Reexec(netns.ReexecOptions{})
	return code, true, err
}
