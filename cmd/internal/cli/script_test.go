package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // scripts that the group can write are not for root
	testscript.Main(m, map[string]func(){
		"ctsh": func() { os.Exit(FromOS().Main(context.Background())) },
	})
}

// The scripts in testdata run the command as a user would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			tour, err := filepath.Abs("../../../scripts/tour.lua")
			env.Setenv("TOUR", tour)
			return err
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "scratch": // may make namespaces
				return canScratch(), nil
			case "root": // of the machine
				return new(options).guarded(), nil
			case "memory": // may be bounded
				return !race, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
	})
}

// canScratch tells whether a scratch namespace can be made here.
func canScratch() bool {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer null.Close()
	_, err = netns.Reexec(netns.ReexecOptions{Args: []string{"-test.run=^$"}, Stdout: null, Stderr: null})
	return err == nil
}
