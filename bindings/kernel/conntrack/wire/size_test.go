package wire

import (
	"reflect"
	"testing"
	"unsafe"
)

// A kept flow costs at most 176 bytes and nothing for the collector to walk.
func TestFlowIsCompact(t *testing.T) {
	if n := unsafe.Sizeof(Flow{}); n > 176 {
		t.Errorf("Flow is %d bytes, want at most 176", n)
	}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.String, reflect.Slice, reflect.Map, reflect.Interface:
			t.Errorf("Flow holds a pointer: %v", typ)
		case reflect.Struct:
			for i := range typ.NumField() {
				walk(typ.Field(i).Type)
			}
		case reflect.Array:
			walk(typ.Elem())
		}
	}
	walk(reflect.TypeFor[Flow]())
}
