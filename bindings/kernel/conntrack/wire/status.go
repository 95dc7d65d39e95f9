package wire

import (
	"math/bits"
	"strconv"
	"strings"
)

// Status is the status word of a flow (enum ip_conntrack_status).
type Status uint32

// Status bits. Which of them can be written is a matter of the kernel: only
// SeenReply, Assured, FixedTimeout and Helper can be set later, and none can
// be cleared (linux nf_conntrack_netlink.c, ctnetlink_change_status).
const (
	StatusExpected     Status = 1 << 0
	StatusSeenReply    Status = 1 << 1
	StatusAssured      Status = 1 << 2
	StatusConfirmed    Status = 1 << 3
	StatusSrcNAT       Status = 1 << 4
	StatusDstNAT       Status = 1 << 5
	StatusSeqAdjust    Status = 1 << 6
	StatusSrcNATDone   Status = 1 << 7
	StatusDstNATDone   Status = 1 << 8
	StatusDying        Status = 1 << 9
	StatusFixedTimeout Status = 1 << 10
	StatusTemplate     Status = 1 << 11
	StatusNATClash     Status = 1 << 12
	StatusHelper       Status = 1 << 13
	StatusOffload      Status = 1 << 14
	StatusHWOffload    Status = 1 << 15
)

var statusNames = [16]string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED",
	"SRC_NAT", "DST_NAT", "SEQ_ADJUST", "SRC_NAT_DONE", "DST_NAT_DONE", "DYING",
	"FIXED_TIMEOUT", "TEMPLATE", "NAT_CLASH", "HELPER", "OFFLOAD", "HW_OFFLOAD"}

// StatusNames lists the names of the bits, lowest first.
func StatusNames() []string { return statusNames[:] }

// ParseStatus reads the name of one bit, in any case.
func ParseStatus(s string) (Status, bool) {
	for i, name := range statusNames {
		if strings.EqualFold(name, s) {
			return 1 << i, true
		}
	}
	return 0, false
}

// String lists the set bits by name, joined by commas; "0" when none is.
func (s Status) String() string {
	if s == 0 {
		return "0"
	}
	var names []string
	for w := uint32(s); w != 0; w &= w - 1 {
		if i := bits.TrailingZeros32(w); i < len(statusNames) {
			names = append(names, statusNames[i])
		} else {
			names = append(names, "0x"+strconv.FormatUint(1<<i, 16))
		}
	}
	return strings.Join(names, ",")
}
