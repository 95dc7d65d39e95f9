package wire

import "sync"

// HelperID is a helper's name as a number of this process, so that a Flow
// needs no pointer: 0 is none. There is room for 254 names; what comes after
// shares HelperOther (a kernel registers about a dozen, and names are at most
// 16 bytes: NF_CT_HELPER_NAME_LEN).
type HelperID uint8

// HelperOther stands for every name after the 254th.
const HelperOther HelperID = 255

var helpers = struct {
	sync.RWMutex
	byName map[string]HelperID
	names  []string
}{byName: map[string]HelperID{}, names: []string{""}}

// InternHelper returns the number of a helper's name.
func InternHelper(name []byte) HelperID {
	if len(name) == 0 {
		return 0
	}
	helpers.RLock()
	id, ok := helpers.byName[string(name)]
	helpers.RUnlock()
	if ok {
		return id
	}
	helpers.Lock()
	defer helpers.Unlock()
	if id, ok := helpers.byName[string(name)]; ok {
		return id
	}
	if len(helpers.names) == int(HelperOther) {
		return HelperOther
	}
	id = HelperID(len(helpers.names))
	helpers.names = append(helpers.names, string(name))
	helpers.byName[string(name)] = id
	return id
}

// String returns the helper's name: "" for none, "(other)" for HelperOther.
func (h HelperID) String() string {
	switch h {
	case 0:
		return ""
	case HelperOther:
		return "(other)"
	}
	helpers.RLock()
	defer helpers.RUnlock()
	return helpers.names[h]
}
