package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version of the source tree; CHANGELOG.md has a section for it.
const release = "0.1.0-dev"

// buildFacts identify a binary.
type buildFacts struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // commit, when built from a checkout
	Modified bool   `json:"modified,omitempty"` // the checkout had local changes
	Go       string `json:"go"`
	Platform string `json:"platform"` // os/arch
}

// readBuild collects the facts the linker recorded.
func readBuild() buildFacts {
	b := buildFacts{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is the one line `ctsh version` prints.
func (b buildFacts) String() string {
	s := fmt.Sprintf("ctsh %s %s %s", b.Version, b.Go, b.Platform)
	if b.Revision != "" {
		s += " " + b.Revision[:min(12, len(b.Revision))]
	}
	if b.Modified {
		s += "+"
	}
	return s
}

func (p *Program) versionCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version, the Go release and the platform it was built for",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if opt.json {
				return json.NewEncoder(p.Stdout).Encode(b)
			}
			_, err := fmt.Fprintln(p.Stdout, b)
			return err
		},
	}
}
