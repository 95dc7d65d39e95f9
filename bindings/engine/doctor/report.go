package doctor

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
)

// Verdict is the end of an examination.
type Verdict string

// The verdicts.
const (
	Usable      Verdict = "usable"
	NoPrivilege Verdict = "no privilege"
	NotUsable   Verdict = "not usable"
)

// Report is what an examination found.
type Report struct {
	Verdict  Verdict   `json:"verdict"`
	Reason   string    `json:"reason,omitempty"` // why it is not usable
	Kernel   string    `json:"kernel"`           // release
	Place    Place     `json:"place"`
	Table    Table     `json:"table"`
	Findings []Finding `json:"findings"`
	Modules  []Module  `json:"modules"`
	Features []Feature `json:"features"`
	Sysctls  []Sysctl  `json:"sysctls"`
}

// Place says where and as whom the examination was made.
type Place struct {
	Namespace     string `json:"namespace"`
	UID           int    `json:"uid"`
	NetAdmin      bool   `json:"cap_net_admin"`          // in the user namespace of the process
	InitialUserNS bool   `json:"initial_user_namespace"` // the process is in it
}

// Table says what is in the table; it is zero where that could not be read.
type Table struct {
	Entries       int64 `json:"entries"`
	Max           int64 `json:"max"` // 0 is no limit
	Buckets       int64 `json:"buckets"`
	TrackingRules int   `json:"tracking_rules"` // nftables rules that make the kernel track
}

// Finding is a conclusion, and what to do about it.
type Finding struct {
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// Module is a part of the kernel.
type Module struct {
	Name       string      `json:"name"`
	For        string      `json:"for"`
	State      string      `json:"state"`
	Evidence   string      `json:"evidence,omitempty"`
	Filename   string      `json:"filename,omitempty"`
	Version    string      `json:"version,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"`
}

// Parameter is a parameter of a module. Value is nil where the kernel does not
// show it; Note says why.
type Parameter struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
	Note  string  `json:"note,omitempty"`
}

// Feature is a probe and its verdict.
type Feature struct {
	ID      string `json:"id"`
	Group   string `json:"group"`
	Name    string `json:"name"`
	Since   string `json:"since,omitempty"`
	Needs   string `json:"needs,omitempty"`
	Without string `json:"without,omitempty"`
	probe.Verdict
}

// Sysctl is a setting in the namespace.
type Sysctl struct {
	Name    string `json:"name"`
	Value   int64  `json:"value"`
	Unit    string `json:"unit"`
	Scope   string `json:"scope"`
	Default bool   `json:"default"` // the value is the compiled default
	Meaning string `json:"meaning"`
	Error   string `json:"error,omitempty"` // why there is no value
}
