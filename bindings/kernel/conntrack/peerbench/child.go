package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// children are what is measured in a process of its own. Each writes a line
// when it is ready, waits for the end of its standard input, and then writes
// what it found as JSON.
var children = map[string]func(ready func(), stop <-chan struct{}) (any, error){
	"memory": streamOnce, "listen": listenAll, "listen-none": listenNone,
}

func runChild(name string) error {
	fn := children[name]
	if fn == nil {
		return fmt.Errorf("there is no child %q", name)
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	found, err := fn(func() { fmt.Println("ready") }, stop)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// child runs the command again in the namespace, calls work once it is ready,
// and reads what it found into found.
func (w *world) child(name string, found any, work func() error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(w.ctx, self, "-child", name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.ns.Do(cmd.Start); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n')
	if err == nil {
		err = work()
	}
	_ = in.Close()
	if err == nil {
		err = json.NewDecoder(lines).Decode(found)
	}
	return errors.Join(err, cmd.Wait())
}

// usage is the processor time and the largest memory of this process so far.
func usage() (seconds float64, peakKiB uint64) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9, uint64(u.Maxrss)
}
