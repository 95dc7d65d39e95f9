package module

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// options are the kernel options of the modules whose option is not their
// name in capitals with CONFIG_ before it.
var options = map[string]string{
	"nf_conntrack_netlink": "NF_CT_NETLINK",
	"nfnetlink_cttimeout":  "NF_CT_NETLINK_TIMEOUT",
	"nfnetlink_cthelper":   "NF_CT_NETLINK_HELPER",
	"nfnetlink":            "NETFILTER_NETLINK",
	"nfnetlink_queue":      "NETFILTER_NETLINK_QUEUE",
	"nfnetlink_log":        "NETFILTER_NETLINK_LOG",
	"nft_ct":               "NFT_CT",
	"xt_conntrack":         "NETFILTER_XT_MATCH_CONNTRACK",
	"xt_CT":                "NETFILTER_XT_TARGET_CT",
	"nf_flow_table":        "NF_FLOW_TABLE",
}

// config says how the kernel was built: the option as a line of its
// configuration, and "y", "m" or "" for not set. It is false without a
// readable configuration.
func (m Machine) config(name string) (line, set string, ok bool) {
	option := options[name]
	if option == "" {
		option = strings.ToUpper(name)
	}
	file := "/proc/config.gz"
	text, err := gunzip(m.read(file))
	if err != nil || text == nil {
		file = "/boot/config-" + m.release()
		text = m.read(file)
	}
	if text == nil {
		return "", "", false
	}
	for l := range strings.Lines(string(text)) {
		if v, found := strings.CutPrefix(strings.TrimSpace(l), "CONFIG_"+option+"="); found {
			return file + ": CONFIG_" + option + "=" + v, v, true
		}
	}
	return file + ": CONFIG_" + option + " is not set", "", true
}

func gunzip(data []byte) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
