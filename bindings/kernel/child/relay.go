package child

import (
	"os"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that a parent leaves to its child and does not act on
// itself.
var passedOn = []os.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGWINCH,
}

// relay sends every signal to the child, until it has ended, except those that
// the terminal has already sent to it.
func relay(child *os.Process, signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case s := <-signals:
			if !fromTerminal(s) {
				_ = child.Signal(s) // it fails only when the child is gone
			}
		}
	}
}

// fromTerminal guesses who sent s. A terminal sends these to every process in
// its foreground group, and then the child has got its own: a second SIGINT
// would count as pressing Ctrl-C twice. Sent by hand to us alone, in the
// foreground of a terminal, such a signal is lost: send it to the group.
func fromTerminal(s os.Signal) bool {
	switch s {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGWINCH:
	default:
		return false
	}
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false // no controlling terminal
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
