package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxLines is the longest a source file may be.
const maxLines = 600

// longFiles may exceed maxLines: tables, where cutting would only scatter
// rows that belong together. Tests may as well, being lists of cases.
var longFiles = []string{}

// topFolders and topFiles are all that may stand at the root of the module.
var (
	topFolders = []string{"bindings", "cmd", "lua", "repl", "scripts", "stdlib", ".ci", ".git"}
	topFiles   = []string{
		"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
		"go.mod", "go.sum", ".golangci.yaml", ".gitignore", ".git",
		"ctsh", "ctshd", "coverage.out", // built here by make, never committed
	}
)

// vagueNames say nothing about what a package holds.
var vagueNames = []string{"util", "utils", "common", "base", "helper", "helpers", "misc", "shared", "lib", "lua"}

// root returns the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

func TestRoot(t *testing.T) {
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		allowed := topFiles
		if e.IsDir() {
			allowed = topFolders
		}
		if !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the root of the module", e.Name())
		}
	}
}

func TestPackages(t *testing.T) {
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if slices.Contains(vagueNames, p.Name) {
			t.Errorf("%s: a package named %s says nothing about what it holds", path, p.Name)
		}
		if p.Name != strings.ToLower(p.Name) || strings.Contains(p.Name, "_") {
			t.Errorf("%s: package name %s is not one lower-case noun", path, p.Name)
		}
		if p.Name == "main" {
			if p.Doc == "" {
				t.Errorf("%s: the command has no doc comment", path)
			}
			continue
		}
		doc, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			t.Errorf("%s: no doc.go: %v", path, err)
			continue
		}
		if !bytes.Contains(doc, []byte("// Package "+p.Name+" ")) {
			t.Errorf("%s: doc.go does not start its comment with \"Package %s\"", path, p.Name)
		}
		if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(string(doc), "//", " ")), " "), "must not") {
			t.Errorf("%s: doc.go does not say what the package must not do", path)
		}
	}
}

func TestFileLength(t *testing.T) {
	for _, p := range list(t) {
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rel := strings.TrimPrefix(p.ImportPath, module) + "/" + name
			if n := bytes.Count(src, []byte("\n")); n > maxLines && !slices.Contains(longFiles, rel) {
				t.Errorf("%s has %d lines; the limit is %d: split it by noun", rel, n, maxLines)
			}
		}
	}
}
