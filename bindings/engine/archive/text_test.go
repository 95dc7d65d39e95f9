package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
)

const line = "-A -t 600 -u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p udp --sport 4000 --dport 53 --reply-port-src 53 --reply-port-dst 4000"

// entries are the flows of a text.
func entries(t *testing.T, text string) (list []wire.Entry) {
	t.Helper()
	f, err := in([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if f.Header() != nil || f.Age() != 0 || f.Damage() != nil {
		t.Errorf("a text has %+v", f.Header())
	}
	if err := f.Each(func(e *wire.Entry) error { list = append(list, *e); return nil }); err != nil || len(list) != f.Len() {
		t.Fatalf("%q: %d flows of %d: %v", text, len(list), f.Len(), err)
	}
	return list
}

// like is the flow of a line, made by hand.
func like(proto uint8, src, dst string, a, b uint16, change func(*wire.Entry)) wire.Entry {
	e := restoretest.New(restoretest.Tuple(proto, src, dst, a, b)).Entry
	if change != nil {
		change(&e)
	}
	return e
}

const done = wire.StatusSrcNATDone | wire.StatusDstNATDone

func TestLines(t *testing.T) {
	defer label.Replace(label.Open(holding(t, "3 web\n9 two words\n127 last\n")))()
	const status = " -t 600 -u SEEN_REPLY,ASSURED "
	const to = " -s 10.0.0.1 -d 10.0.0.2 "
	const ports = " --sport 4000 --dport 53 "
	udp := func(change func(*wire.Entry)) wire.Entry {
		return like(wire.ProtoUDP, "10.0.0.1", "10.0.0.2", 4000, 53, change)
	}
	for text, want := range map[string]wire.Entry{
		line:                                  udp(nil),
		"-A" + status + to + "-p udp" + ports: udp(nil),
		"-I" + status + to + "-p 17" + ports:  udp(nil),
		"--add -f ipv4" + status + to + "-p UDP" + ports:                                                      udp(nil),
		"-A --timeout=600 --status=seen_reply,assured --src=10.0.0.1 --orig-dst 10.0.0.2 --proto udp" + ports: udp(nil),
		"-A -t 600 -u SEEN_REPLY,ASSURED,EXPECTED,FIXED_TIMEOUT" + to + "-p udp" + ports:                      udp(func(e *wire.Entry) { e.Status |= wire.StatusExpected | wire.StatusFixedTimeout }),
		"-A -t 600 -u UNSET" + to + "-p udp" + ports:                                                          udp(func(e *wire.Entry) { e.Status = wire.StatusConfirmed }),
		"-A -t 600" + to + "-p udp" + ports:                                                                   udp(func(e *wire.Entry) { e.Status = wire.StatusConfirmed }),
		"-A -u SEEN_REPLY,ASSURED,OFFLOAD" + to + "-p udp" + ports:                                            udp(func(e *wire.Entry) { e.Status |= wire.StatusOffload; e.Timeout = 0; e.Present &^= wire.HasTimeout }),
		"-A" + status + to + "-p udp -m 0xc9" + ports:                                                         udp(func(e *wire.Entry) { e.Mark = 0xc9; e.Present |= wire.HasMark }),
		"-A" + status + to + "-p udp -w 4097" + ports:                                                         udp(func(e *wire.Entry) { e.Orig.Zone, e.Reply.Zone = 4097, 4097 }),
		"-A" + status + to + "-p udp --orig-zone 7" + ports:                                                   udp(func(e *wire.Entry) { e.Orig.Zone = 7 }),
		"-A" + status + to + "-p udp --reply-zone 65535" + ports:                                              udp(func(e *wire.Entry) { e.Reply.Zone = 65535 }),
		"-A" + status + to + "-p udp -l web,last" + ports:                                                     udp(func(e *wire.Entry) { e.Labels = wire.Labels{}.Set(3).Set(127); e.Present |= wire.HasLabels }),
		"-A" + status + to + "-p udp -l \"two words\"" + ports:                                                udp(func(e *wire.Entry) { e.Labels = wire.Labels{}.Set(9); e.Present |= wire.HasLabels }),
		"-A" + status + "-s 10.0.0.1 -d 10.0.0.2 -g 9.9.9.9 -q 10.0.0.1 -p udp" + ports + "--reply-port-src 5353": udp(func(e *wire.Entry) {
			e.Reply.Src, e.Reply.SrcPort = restoretest.Addr("9.9.9.9"), 5353
			e.Status |= wire.StatusDstNAT | done
		}),
		"-A" + status + to + "-g 9.9.9.9:5353 -p udp" + ports: udp(func(e *wire.Entry) {
			e.Reply.Src, e.Reply.SrcPort = restoretest.Addr("9.9.9.9"), 5353
			e.Status |= wire.StatusDstNAT | done
		}),
		"-A" + status + to + "-g 9.9.9.9:5353 -p udp" + ports + "--reply-port-src 5353": udp(func(e *wire.Entry) {
			e.Reply.Src, e.Reply.SrcPort = restoretest.Addr("9.9.9.9"), 5353
			e.Status |= wire.StatusDstNAT | done
		}),
		"-A" + status + to + "-r 10.0.0.2 -n 192.0.2.1 -p udp" + ports + "--reply-port-dst 6000": udp(func(e *wire.Entry) {
			e.Reply.Dst, e.Reply.DstPort = restoretest.Addr("192.0.2.1"), 6000
			e.Status |= wire.StatusSrcNAT | done
		}),
		"-A" + status + to + "-r 10.0.0.2 -q 10.0.0.1 -p udp" + ports + "--reply-port-src 443": udp(func(e *wire.Entry) { e.Reply.SrcPort = 443; e.Status |= wire.StatusDstNAT | done }),
		"-A" + status + "-s fd00::1 -d fd00::2 -n [fd01::1]:6000 -p udp" + ports: like(wire.ProtoUDP, "fd00::1", "fd00::2", 4000, 53, func(e *wire.Entry) {
			e.Reply.Dst, e.Reply.DstPort = restoretest.Addr("fd01::1"), 6000
			e.Status |= wire.StatusSrcNAT | done
		}),
		"-A" + status + to + "-p tcp --state SYN_SENT2" + ports: like(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 53, func(e *wire.Entry) {
			e.State = 9
			e.Present |= wire.HasState
			e.SetTCP(wire.TCPInfo{Flags: [2]wire.TCPFlags{0xe, 0xe}})
		}),
		"-A" + status + to + "-p tcp --state LISTEN" + ports: like(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 53, func(e *wire.Entry) {
			e.State = 9
			e.Present |= wire.HasState
			e.SetTCP(wire.TCPInfo{Flags: [2]wire.TCPFlags{0xe, 0xe}})
		}),
		"-A" + status + to + "-p sctp --state (null) --orig-vtag 1144201745 --reply-vtag 1" + ports: like(wire.ProtoSCTP, "10.0.0.1", "10.0.0.2", 4000, 53, func(e *wire.Entry) {
			e.State = 8
			e.Present |= wire.HasState
			e.SetVTags([2]uint32{swapped(1144201745), swapped(1)})
		}),
		"-A" + status + to + "-p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77":                like(wire.ProtoICMP, "10.0.0.1", "10.0.0.2", 77, 8, nil),
		"-A" + status + "-s fd00::1 -d fd00::2 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0":    like(wire.ProtoICMPv6, "fd00::1", "fd00::2", 0, 128, nil),
		"-A" + status + "-s fd00::1 -d fd00::2 -p ipv6-icmp --icmpv6-type 128 --icmpv6-code 0": like(wire.ProtoICMPv6, "fd00::1", "fd00::2", 0, 128, nil),
		"-A" + status + to + "-n 192.0.2.1 -p gre --srckey 0x10 --dstkey 9 --reply-key-src 9 --reply-key-dst 3": like(wire.ProtoGRE, "10.0.0.1", "10.0.0.2", 16, 9, func(e *wire.Entry) {
			e.Reply.Dst, e.Reply.DstPort = restoretest.Addr("192.0.2.1"), 3
			e.Status |= wire.StatusSrcNAT | done
		}),
		"-A" + status + to + "-p dccp": like(wire.ProtoDCCP, "10.0.0.1", "10.0.0.2", 0, 0, nil),
		"-A" + status + to + "-p 253":  like(253, "10.0.0.1", "10.0.0.2", 0, 0, nil),
	} {
		list := entries(t, text)
		if len(list) != 1 || list[0].Flow != want.Flow {
			t.Errorf("%s\ngives %+v\nwant  %+v", text, list, want)
		}
	}
}

func holding(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLayout(t *testing.T) {
	for text, want := range map[string]int{
		line: 1, line + "\n": 1, line + "\r\n" + line + "\r\n": 2, "\n\n  \n" + line: 1, "# a table\n\t" + line + " # of one\n": 1,
		"#\n": 0, "\n": 0, `-A -t "600" -s 10.0.0.1 "-d" 10.0.0.2 -p 253`: 1, line + "\n" + line: 2,
		line + " #" + strings.Repeat("x", maxLine-len(line)-10) + "\n" + line: 2,
	} {
		if n := len(entries(t, text)); n != want {
			t.Errorf("%.100q has %d flows, want %d", text, n, want)
		}
	}
}

func TestBadLines(t *testing.T) {
	defer label.Replace(label.Open(holding(t, "3 web\n")))()
	without := func(words string) string { return strings.Replace(line, words, "", 1) }
	with := func(old, words string) string { return strings.Replace(line, old, words, 1) }
	for text, want := range map[string]string{
		without("-p udp "): "-p is missing", without("-t 600 "): "-t is missing", without("-s 10.0.0.1 "): "-s is missing",
		without("-d 10.0.0.2 "): "-d is missing", without("--dport 53 "): "--dport is missing, which udp needs",
		with("udp", "icmp"): "--icmp-type is missing, which icmp needs", with("udp", "253"): "--sport is nothing that 253 has",
		with("udp", "tcp"): "--state is missing, which tcp needs", line + " --state X": "--state is nothing that udp has",
		with("udp", "tcp") + " --state FOO": `--state "FOO" is not a state of tcp`, with("udp", "ucp"): `-p "ucp" is not a protocol or its number`,
		with("-t 600", "-t -1"): `-t "-1" is not a number from 0 to 4294967295`, with("-t 600", "-t 4294967296"): "-t", with("-t 600", "-t 0600"): "-t",
		with("-t 600", "-t 1e3"): "-t", with("-t 600", `-t ""`): "-t", with("-t 600", "-t 0x"): "-t", with("-t 600", "-t +5"): "-t",
		with("--sport 4000", "--sport 65536"): `--sport "65536" is not a number from 0 to 65535`,
		with("-s 10.0.0.1", "-s 10.0.0"):      `-s "10.0.0" is not an address`, with("-s 10.0.0.1", "-s ::ffff:10.0.0.1"): "-s", with("-s 10.0.0.1", "-s fe80::1%lo"): "-s",
		with("-s 10.0.0.1", "-s fd00::1"): `-d "10.0.0.2" is not of the same family as the rest`, line + " -f ipv6": "-s", line + " -f ip": "-f",
		line + " -w 7 --orig-zone 7": "only one of", line + " -w 65536": "-w", line + " --orig-zone 1 --reply-zone 2": "only one of",
		line + " -g 9.9.9.9": `-g "9.9.9.9" is not the address that -r gives`, line + " -m": "-m lacks its value", line + " -m x": "-m", line + " -m 1/1": "-m",
		line + " -t 5": "-t is given twice", line + " --timeout 5": "--timeout is given twice", line + " --reply-prt-src 5": `unknown option "--reply-prt-src"; did you mean "--reply-port-src"?`,
		line + " stray": `unknown option "stray"`, line + ` "open`: "a quote that is not closed", line + " -l wbe": "-l: unknown label",
		with("SEEN_REPLY,ASSURED", "SEEN"): "-u", with("SEEN_REPLY,ASSURED", "SRC_NAT"): "-u", with("SEEN_REPLY,ASSURED", "!ASSURED"): "-u", with("SEEN_REPLY,ASSURED", ","): "-u",
		"-U" + line[2:]: "-U changes what is there", "-D" + line[2:]: "-D changes", "-F": "-F changes", "-A": "-p is missing", "-L": `it begins with "-L", expected -A`,
		"-A -t 5 -s 10.0.0.1 -d 10.0.0.2 -p icmp --icmp-type 3 --icmp-code 0":                        `--icmp-type "3" is not a query or its answer`,
		"-A -t 5 -s fd00::1 -d fd00::2 -p icmp --icmp-type 8 --icmp-code 0":                          `-p "icmp" is not a protocol of this family`,
		"-A -t 5 -s 10.0.0.1 -d 10.0.0.2 -n 1.1.1.1:5 -p icmp --icmp-type 8 --icmp-code 0":           "-n",
		"-A -t 5 -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2 -g 1.1.1.1:5 --reply-port-src 6": "--reply-port-src",
		line + " " + strings.Repeat("x", maxLine):                                                    "more than 64 KiB",
	} {
		_, err := in([]byte(line + "\n# so far so good\n" + text + "\n" + line))
		var bad *LineError
		if !errors.As(err, &bad) {
			t.Errorf("%.200q: %v", text, err)
			continue
		}
		if bad.Line != 3 || !strings.HasPrefix(bad.Reason, want) || !strings.HasPrefix(text, bad.Text[:min(len(bad.Text), 100)]) {
			t.Errorf("%.200q: line %d, %s, want %s", text, bad.Line, bad.Reason, want)
		}
	}
}

// TestStandardInput reads a pipe, which cannot be read twice.
func TestStandardInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = stdin }()
	go func() {
		fmt.Fprintln(w, line)
		_ = w.Close()
	}()
	f := open(t, "-")
	for range 2 {
		if list, err := raws(f); len(list) != 1 || err != nil {
			t.Errorf("%d flows: %v", len(list), err)
		}
	}
}
