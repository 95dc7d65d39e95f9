package archive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// option is something that a line can say of a flow.
type option uint8

const (
	optSrc option = iota
	optDst
	optReplySrc
	optReplyDst
	optSrcNAT
	optDstNAT
	optProto
	optTimeout
	optStatus
	optMark
	optFamily
	optZone
	optOrigZone
	optReplyZone
	optLabel
	optSport
	optDport
	optReplySport
	optReplyDport
	optState
	optOrigTag
	optReplyTag
	optICMPType
	optICMPCode
	optICMPID
	optSrcKey
	optDstKey
	optReplySrcKey
	optReplyDstKey
	optCount
)

// wordOf are the options as messages call them.
var wordOf = [optCount]string{
	optSrc: "-s", optDst: "-d", optReplySrc: "-r", optReplyDst: "-q", optSrcNAT: "-n", optDstNAT: "-g",
	optProto: "-p", optTimeout: "-t", optStatus: "-u", optMark: "-m", optFamily: "-f",
	optZone: "-w", optOrigZone: "--orig-zone", optReplyZone: "--reply-zone", optLabel: "-l",
	optSport: "--sport", optDport: "--dport", optReplySport: "--reply-port-src", optReplyDport: "--reply-port-dst",
	optState: "--state", optOrigTag: "--orig-vtag", optReplyTag: "--reply-vtag",
	optICMPType: "--icmp-type", optICMPCode: "--icmp-code", optICMPID: "--icmp-id",
	optSrcKey: "--srckey", optDstKey: "--dstkey", optReplySrcKey: "--reply-key-src", optReplyDstKey: "--reply-key-dst",
}

// options are all words for them (conntrack-tools 1.4.7 and 1.4.9, conntrack.c
// and extensions).
var options = func() map[string]option {
	all := map[string]option{
		"--src": optSrc, "--orig-src": optSrc, "--dst": optDst, "--orig-dst": optDst,
		"--reply-src": optReplySrc, "--reply-dst": optReplyDst, "--src-nat": optSrcNAT, "--dst-nat": optDstNAT,
		"--proto": optProto, "--protonum": optProto, "--timeout": optTimeout, "--status": optStatus,
		"--mark": optMark, "--family": optFamily, "--zone": optZone, "--label": optLabel, "--label-add": optLabel,
		"--orig-port-src": optSport, "--orig-port-dst": optDport,
		"--icmpv6-type": optICMPType, "--icmpv6-code": optICMPCode, "--icmpv6-id": optICMPID,
		"--orig-key-src": optSrcKey, "--orig-key-dst": optDstKey,
	}
	for o, name := range wordOf {
		all[name] = option(o)
	}
	return all
}()

// longOptions are those that a misspelt one may be meant to be, in order.
var longOptions = func() (list []string) {
	for word := range options {
		if strings.HasPrefix(word, "--") {
			list = append(list, word)
		}
	}
	slices.Sort(list)
	return list
}()

// lastOfAll is the last of the options that a flow of any protocol may have.
const lastOfAll = optLabel

// own are the further options of a protocol: those that a flow must have, and
// those that it may have.
func own(proto uint8) (must, may []option) {
	ports, back := []option{optSport, optDport}, []option{optReplySport, optReplyDport}
	switch proto {
	case wire.ProtoTCP:
		return append(ports, optState), back
	case wire.ProtoSCTP:
		return append(ports, optState, optOrigTag, optReplyTag), back
	case wire.ProtoUDP, wire.ProtoUDPLite:
		return ports, back
	case wire.ProtoDCCP: // newer kernels track it without ports
		return nil, append(append(ports, optState), back...)
	case wire.ProtoICMP, wire.ProtoICMPv6:
		return []option{optICMPType, optICMPCode}, []option{optICMPID}
	case wire.ProtoGRE:
		return []option{optSrcKey, optDstKey}, []option{optReplySrcKey, optReplyDstKey}
	}
	return nil, nil
}

// read takes the options of a line. The reason for a bad line is in words.
func (w *words) read() (reason string) {
	w.values, w.given = [optCount]string{}, [optCount]bool{}
	switch w.list[0] {
	case "-A", "--add", "-I", "--create":
	case "-U", "--update", "-D", "--delete", "-F", "--flush":
		return w.list[0] + " changes what is there; only flows to make can be restored, with -A"
	default:
		return fmt.Sprintf("it begins with %q, expected -A", w.list[0])
	}
	for rest := w.list[1:]; len(rest) > 0; {
		word, value, inside := rest[0], "", false
		if strings.HasPrefix(word, "--") {
			word, value, inside = strings.Cut(word, "=")
		}
		o, known := options[word]
		switch {
		case !known:
			return fmt.Sprintf("unknown option %q%s", word, suggest.Hint(word, longOptions))
		case w.given[o]:
			return word + " is given twice"
		case inside:
			rest = rest[1:]
		case len(rest) == 1:
			return word + " lacks its value"
		default:
			value, rest = rest[1], rest[2:]
		}
		w.values[o], w.given[o] = value, true
	}
	return ""
}

// fits sees that the options are those of the protocol, and all that it needs.
func (w *words) fits(proto uint8) (reason string) {
	must, may := own(proto)
	for _, o := range must {
		if !w.given[o] {
			return fmt.Sprintf("%s is missing, which %s needs", wordOf[o], wire.ProtoName(proto))
		}
	}
	for o := lastOfAll + 1; o < optCount; o++ {
		if w.given[o] && !slices.Contains(must, o) && !slices.Contains(may, o) {
			return fmt.Sprintf("%s is nothing that %s has", wordOf[o], wire.ProtoName(proto))
		}
	}
	return ""
}
