package netns

import (
	"os"
	"strings"
)

// userNSLimits are the settings that forbid user namespaces to ordinary users,
// each with the value that does; not every kernel has each.
var userNSLimits = []struct{ path, name, forbids, allows string }{
	{"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", "0", "above 0"},
	{"/proc/sys/user/max_net_namespaces", "user.max_net_namespaces", "0", "above 0"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", "0", "1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
}

// userNSHint names the settings of this machine that forbid user namespaces.
// Where none does, what remains is the filter of a container.
func userNSHint() string {
	var causes []string
	for _, l := range userNSLimits {
		if v, err := os.ReadFile(l.path); err == nil && strings.TrimSpace(string(v)) == l.forbids {
			causes = append(causes, l.name+" is "+l.forbids+" and must be "+l.allows)
		}
	}
	if len(causes) > 0 {
		return strings.Join(causes, ", ")
	}
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		return "this kernel has no user namespaces (CONFIG_USER_NS)"
	}
	return "no sysctl forbids user namespaces here: a limit of their number or the seccomp filter of a container does"
}
