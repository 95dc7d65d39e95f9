package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// goodTuple is a tuple that every request accepts.
var goodTuple = Tuple{Family: FamilyIPv4, Proto: ProtoTCP, SrcPort: 1, DstPort: 2,
	Src: Addr{10: 0xff, 11: 0xff, 12: 10, 15: 1}, Dst: Addr{10: 0xff, 11: 0xff, 12: 10, 15: 2}}

// requests has one valid value of every request type, and zero values, which
// are what a caller who forgot something sends.
func requests(t *testing.T) []Request {
	t.Helper()
	create := Create{Entry: Entry{Flow: Flow{Orig: goodTuple, Timeout: 5, Present: HasTimeout}}}
	mark := Update{Key: Key{Tuple: goodTuple}, Mark: &Masked32{1, 1}}
	del, err := NewDelete(Key{Tuple: goodTuple})
	if err != nil {
		t.Fatal(err)
	}
	exp := Expect{Tuple: goodTuple, Mask: goodTuple, Master: goodTuple, HasTimeout: true, Timeout: 5}
	expDel, err := NewExpectDelete(&exp)
	if err != nil {
		t.Fatal(err)
	}
	policy := Timeout{Name: "p", Family: FamilyIPv4, Proto: ProtoUDP}
	if err := policy.Set("replied", 5); err != nil {
		t.Fatal(err)
	}
	return []Request{
		&create, &Create{}, &mark, &Update{}, del, Delete{}, Get{Key: Key{Tuple: goodTuple}}, Get{},
		&Dump{}, &Flush{All: true}, &Flush{}, Count{}, StatsDump{}, StatsDump{Expect: true},
		&ExpectCreate{exp}, &ExpectCreate{}, &ExpectUpdate{exp}, &ExpectUpdate{}, ExpectGet{Tuple: goodTuple}, ExpectGet{},
		expDel, ExpectDelete{}, ExpectFlush{All: true}, ExpectFlush{Helper: "ftp"}, ExpectFlush{}, ExpectDump{},
		&TimeoutAdd{Timeout: policy}, &TimeoutAdd{}, TimeoutGet{"p"}, TimeoutGet{}, TimeoutDelete{"p"}, TimeoutDelete{},
		TimeoutList{}, TimeoutFlush{}, &TimeoutDefaultSet{Timeout: policy}, &TimeoutDefaultSet{},
		TimeoutDefaultGet{Family: FamilyIPv4, Proto: ProtoUDP}, TimeoutDefaultGet{},
	}
}

// The kernel takes a delete without a tuple for "delete all". So no request
// but the flushes may ever come out as one, whatever its fields are.
func TestOnlyFlushDeletesWithoutATuple(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range requests(t) {
		name := strings.TrimPrefix(typeName(r), "*")
		seen[name] = true
		b, err := r.Append([]byte("kept"), 1, 0)
		if err != nil {
			if string(b) != "kept" {
				t.Errorf("%T: refused, but left %d bytes in the buffer", r, len(b)-4)
			}
			continue
		}
		msg := b[4:]
		h, ok := ReadHeader(msg)
		if !ok || int(h.Len) != len(msg) || h.Flags&FlagRequest == 0 {
			t.Errorf("%T: header %+v of %d bytes", r, h, len(msg))
		}
		switch {
		case h.Subsys() == SubsysConntrack && h.Msg() == MsgDelete:
			if find(msg[HeaderLen:], AttrTupleOrig) == nil && find(msg[HeaderLen:], AttrTupleReply) == nil && name != "Flush" {
				t.Errorf("%T deletes without a tuple", r)
			}
		case h.Subsys() == SubsysExpect && h.Msg() == MsgExpDelete:
			if find(msg[HeaderLen:], attrExpTuple) == nil && name != "ExpectFlush" {
				t.Errorf("%T deletes without a tuple", r)
			}
		case h.Subsys() == SubsysTimeout && h.Msg() == MsgTimeoutDelete:
			if find(msg[HeaderLen:], attrTimeoutName) == nil && name != "TimeoutFlush" {
				t.Errorf("%T deletes without a name", r)
			}
		}
	}
	for _, name := range sealedTypes(t) {
		if !seen[name] {
			t.Errorf("request %s is not in this test", name)
		}
	}
}

func typeName(r Request) string {
	s := strings.Split(strings.TrimPrefix(strings.Replace(typeOf(r), "wire.", "", 1), "*"), ".")
	return s[len(s)-1]
}

// sealedTypes lists the types that are requests: those with a sealed method.
func sealedTypes(t *testing.T) (names []string) {
	t.Helper()
	for _, f := range parseFiles(t, ".") {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "sealed" || fn.Recv == nil {
				continue
			}
			typ := fn.Recv.List[0].Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			names = append(names, typ.(*ast.Ident).Name)
		}
	}
	return names
}

// A delete message is made in two places for flows, one of them the raw copy
// that has a tuple, and nowhere else in the module.
func TestDeleteMessagesAreMadeHere(t *testing.T) {
	makers := map[string]bool{}
	for _, f := range parseFiles(t, ".") {
		ast.Inspect(f, func(n ast.Node) bool {
			fn, ok := n.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				return true
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "newBuilder" {
					for _, arg := range call.Args {
						if id, ok := arg.(*ast.Ident); ok && id.Name == "MsgDelete" {
							recv := ""
							if fn.Recv != nil {
								typ := fn.Recv.List[0].Type
								if star, ok := typ.(*ast.StarExpr); ok {
									typ = star.X
								}
								recv = typ.(*ast.Ident).Name
							}
							makers[recv+"."+fn.Name.Name] = true
						}
					}
				}
				return true
			})
			return true
		})
	}
	want := map[string]bool{"Delete.Append": true, "View.AppendDelete": true, "Flush.Append": true}
	for m := range makers {
		if !want[m] {
			t.Errorf("%s makes a delete message", m)
		}
	}
	if len(makers) != len(want) {
		t.Errorf("found %v, want %v", makers, want)
	}
}

func parseFiles(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFlushRefusesWhatTheKernelIgnores(t *testing.T) {
	v6 := Tuple{Family: FamilyIPv6, Proto: ProtoTCP}
	sctp := Tuple{Family: FamilyIPv4, Proto: ProtoSCTP, DstPort: 5}
	for name, f := range map[string]Filter{
		"nothing":           {},
		"mark without mask": {Mark: &Masked32{Value: 1}},
		"empty mark mask":   {Mark: &Masked32{}},
		"mark outside mask": {Mark: &Masked32{Value: 2, Mask: 1}},
		"status mask 0":     {Status: &StatusFilter{Value: StatusAssured}},
		"IPv6 address":      {Family: FamilyIPv6, Orig: TupleFilter{v6, FilterSrc}},
		"SCTP port":         {Family: FamilyIPv4, Orig: TupleFilter{sctp, FilterProto | FilterDstPort}},
		"no family":         {Orig: TupleFilter{goodTuple, FilterSrc}},
		"port alone":        {Family: FamilyIPv4, Orig: TupleFilter{goodTuple, FilterDstPort}},
		"tuple zone":        {Family: FamilyIPv4, Orig: TupleFilter{goodTuple, filterTupleZone}},
		"ICMP of TCP":       {Family: FamilyIPv4, Orig: TupleFilter{goodTuple, FilterProto | FilterICMPType}},
		"unknown bit":       {Family: FamilyIPv4, Orig: TupleFilter{goodTuple, 1 << 12}},
		"unknown family":    {Family: 99},
	} {
		if b, err := (&Flush{Filter: f}).Append(nil, 1, 0); err == nil {
			t.Errorf("%s: sent as % x", name, b)
		}
		if name == "nothing" {
			continue
		}
		if _, err := (&Dump{Filter: f}).Append(nil, 1, 0); err == nil {
			t.Errorf("%s: dumped", name)
		}
	}
	if _, err := (&Flush{All: true, Filter: Filter{Family: FamilyIPv4}}).Append(nil, 1, 0); err == nil {
		t.Error("all together with a filter was accepted")
	}
	b, err := (&Flush{Filter: Filter{Family: FamilyIPv6}}).Append(nil, 1, 0)
	if h, ok := ReadHeader(b); err != nil || !ok || h.Version != 1 || h.Family != FamilyIPv6 {
		t.Errorf("flush of a family: version %d, which the kernel needs to be 1 (%v)", h.Version, err)
	}
}
