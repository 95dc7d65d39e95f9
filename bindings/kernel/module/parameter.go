package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// hidden are parameters that /sys/module never shows because they can only be
// given when the module starts.
var hidden = map[string][]Parameter{
	"nf_conntrack": {{Name: "enable_hooks", Type: "bool", Description: "register the hooks in every namespace from the start, not with the first rule that uses ct"}},
}

// findParameters joins what modinfo declares, what /sys/module shows and what
// was given at boot.
func (m Machine) findParameters(f *Facts) {
	found := map[string]*Parameter{}
	at := func(name string) *Parameter {
		if found[name] == nil {
			found[name] = &Parameter{Name: name}
		}
		return found[name]
	}
	for _, text := range m.modinfo(f) {
		key, value, _ := strings.Cut(text, "=")
		name, rest, _ := strings.Cut(value, ":")
		switch key {
		case "version":
			f.Version = value
		case "srcversion":
			f.SrcVersion = value
		case "description":
			f.Description = value
		case "parm":
			at(name).Description = rest
		case "parmtype":
			at(name).Type = rest
		}
	}
	if f.State != Absent {
		for _, p := range hidden[f.Name] {
			*at(p.Name) = p
		}
	}
	sys := "/sys/module/" + f.Name
	if v := m.read(sys + "/version"); v != nil {
		f.Version = strings.TrimSpace(string(v))
	}
	if v := m.read(sys + "/srcversion"); v != nil {
		f.SrcVersion = strings.TrimSpace(string(v))
	}
	entries, err := os.ReadDir(m.path(sys + "/parameters"))
	if err == nil {
		for _, e := range entries {
			m.readParameter(at(e.Name()), sys+"/parameters/"+e.Name())
		}
	}
	boot := m.bootParameters(f.Name)
	for _, p := range found {
		if v, ok := boot[p.Name]; ok && !p.HasValue {
			p.Value, p.HasValue, p.Source = v, true, "/proc/cmdline"
		} else if p.Source == "" {
			p.Source = "not shown by the kernel; not given at boot"
		}
		f.Parameters = append(f.Parameters, *p)
	}
	slices.SortFunc(f.Parameters, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
}

func (m Machine) readParameter(p *Parameter, file string) {
	if info, err := os.Stat(m.path(file)); err == nil {
		p.Writable = info.Mode().Perm()&0o200 != 0
	}
	data, err := os.ReadFile(m.path(file))
	switch {
	case err == nil:
		p.Value, p.HasValue, p.Source = strings.TrimSpace(string(data)), true, file
	case errors.Is(err, fs.ErrPermission):
		p.Source = "only root may read " + file
	default:
		p.Source = fmt.Sprint(err)
	}
}

// bootParameters are the module.parameter=value words of the kernel's command
// line; one without a value is a bool switched on. The last of a name counts.
func (m Machine) bootParameters(module string) map[string]string {
	out := map[string]string{}
	for _, word := range strings.Fields(string(m.read("/proc/cmdline"))) {
		key, value, given := strings.Cut(word, "=")
		mod, name, ok := strings.Cut(key, ".")
		if !ok || strings.ReplaceAll(mod, "-", "_") != module {
			continue
		}
		if !given {
			value = "Y"
		}
		out[strings.ReplaceAll(name, "-", "_")] = value
	}
	return out
}
