package netns_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// roles are what the test program does instead of testing when roleVar names
// one. A role is a program as cmd would write it: it puts itself into a
// scratch and then does its work there.
var roles = map[string]func() int{
	"describe":  func() int { return scratched(describe) },
	"echo":      func() int { return scratched(echo) },
	"die":       func() int { return scratched(die) },
	"signals":   func() int { return scratched(countSignals) },
	"powerless": powerless,
}

func scratched(work func() int) int {
	if !netns.InScratch() {
		code, err := netns.Reexec(netns.ReexecOptions{})
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 99
		}
		return code
	}
	for range 2 { // it may be called again
		if err := netns.EnterScratch(); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 98
		}
	}
	return work()
}

// describe tells about the scratch, and makes a namespace in it.
func describe() int {
	fresh, err := netns.New()
	if err == nil {
		err = fresh.LoopbackUp()
	}
	lo, _ := os.ReadFile("/proc/thread-self/net/if_inet6")
	fmt.Printf("netns=%d marker=%s scratch=%v user=%v uid=%d admin=%v new=%v lo=%v args=%q\n", here(), os.Getenv(netns.ScratchVar),
		netns.InScratch(), netns.InUserNS(), os.Getuid(), netns.HasCap(unix.CAP_NET_ADMIN), err, strings.Contains(string(lo), " lo"), os.Args[1:])
	return 7
}

func echo() int {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	fmt.Fprintf(os.Stderr, "err:%s", text)
	fmt.Printf("out:%s", text)
	return 0
}

func die() int {
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	time.Sleep(time.Minute)
	return 0
}

// countSignals says "ready" with its process number, then each signal it gets,
// and ends with the number of them when a line comes in.
func countSignals() int {
	got := make(chan os.Signal, 16)
	signal.Notify(got, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1)
	fmt.Println("ready", os.Getpid())
	line := make(chan struct{})
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		close(line)
	}()
	for n := 0; ; {
		select {
		case s := <-got:
			n++
			fmt.Println("got", s)
		case <-line:
			return n
		}
	}
}

// powerless runs as a user without capabilities, with a namespace that is not
// its own as descriptor 3, and tries what needs them.
func powerless() int {
	foreign, err := netns.FromFD(3)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, made := netns.New()
	entered := foreign.Do(func() error { return nil })
	_, opened := netns.OpenPID(1)
	for i, err := range []error{made, entered, opened, netns.EnterScratch()} {
		var p *netns.PrivilegeError
		fmt.Printf("%d %v %v\n", i, errors.As(err, &p), err)
	}
	return 0
}
