package luaerr

import "fmt"

// Exit is the orderly end that a script asks for with exit(n). It unwinds every
// call, also protected ones, and ends every task of the script.
type Exit struct {
	Status int // 0 to 255
}

// Error says which status was asked for.
func (e *Exit) Error() string { return fmt.Sprintf("exit(%d)", e.Status) }
