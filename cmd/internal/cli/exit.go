package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// exitStatus ends the program with a code and without another word: what there
// was to say has been said.
type exitStatus struct{ code int }

func (e *exitStatus) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// exitCode is the code of the process for what a command returned.
func exitCode(err error) int {
	var status *exitStatus
	var usage *usageError
	switch {
	case err == nil:
		return luaerr.ExitOK
	case errors.As(err, &status):
		return status.code
	case errors.As(err, &usage):
		return luaerr.ExitUsage
	}
	return luaerr.ExitCode(luaerr.From("", err))
}

// signalExit is how a program ends that a signal stopped: with 130 after an
// interrupt, and as a shell counts it (128 plus the number) after any other.
func signalExit(s os.Signal) *luaerr.Exit {
	if number, ok := s.(syscall.Signal); ok {
		return &luaerr.Exit{Status: 128 + int(number)}
	}
	return &luaerr.Exit{Status: luaerr.ExitInterrupt}
}
