package fs

import (
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Host is the module of one script.
type Host struct {
	vm    *vm.VM
	locks map[*lock]struct{} // those held; they must outlive the script's interest in them
}

// Open sets the global fs.
func Open(v *vm.VM) *Host {
	h := &Host{vm: v, locks: map[*lock]struct{}{}}
	v.Set("fs", module.Table(v.L, h))
	return h
}

// Close releases the locks that the script holds still. It is for when all of
// its tasks have ended: until then others have to wait.
func (h *Host) Close() {
	for l := range h.locks {
		h.release(l)
	}
}

var module = registry.NewModule[*Host]("fs", "files, directories and locks. Text is bytes, whatever they are; a path may not be empty. --dry-run and --read-only do not bound what is written: they bound what ctsh itself tells the kernel. --allow without fs takes the module away").
	Example(`
ct> fs.write("backends", "10.0.0.1\n10.0.0.2\n")
ct> for _, addr in ipairs(fs.lines("backends")) do print(addr) end
10.0.0.1
10.0.0.2`).
	Func("read(path: string) -> text", "returns what is in a file of up to 16 MiB. Reading a FIFO waits for who writes to it", read).
	Raises("ENOENT if there is none; EFBIG if it is larger; EISDIR; EPERM").
	Example(`
ct> fs.write("motd", "welcome\n")
ct> fs.read("motd")
welcome

ct> fs.read("motdd")
prompt:1: fs.read: cannot open "motdd": no such file or directory; did you mean "motd"?`).
	Func("lines(path: string, options?: {skip?: string}) -> list",
		"returns the lines of a file of up to 1 000 000 lines and 64 MiB, without their ends (LF or CRLF), as a list that fits a filter parameter. "+
			"With skip, blank lines and those that begin with it are left out", lines).
	Raises("ENOENT if there is none; EFBIG if it is larger; EISDIR; EPERM").
	Example(`
ct> fs.write("bad", "# scanners\n192.0.2.7\n\n192.0.2.9\n")
ct> #fs.lines("bad")
4
ct> table.concat(fs.lines("bad", {skip = "#"}), " ")
192.0.2.7 192.0.2.9`).
	Func("each_line(path: string, fn: function) -> int",
		"calls fn(line, number) for each line of a file of any size, and returns how many that were. Where fn returns false, that was the last one", eachLine).
	Raises("ENOENT if there is none; EFBIG if a line is longer than 1 MiB; EISDIR; EPERM; what fn raises").
	Example(`
ct> fs.write("log", "start\nerror: x\nend\n")
ct> fs.each_line("log", function(line, n) if line:find("error") then print(n, line) return false end end)
2	error: x
2`).
	Func("write(path: string, text: text, options?: {mode?: string, append?: bool})",
		"writes a file; it is on the disk when this returns. Without append it is replaced at once: readers see all of the old text or all of the new, and so does the next start after a crash. "+
			"A link stays, and what it points to is replaced; the old file keeps its mode and, as far as the privilege goes, its owner, but no access list and no further hard link. "+
			"A new one gets mode, as in \"0640\", or 0644 less the umask. "+
			"With append the text goes behind what is there, in one piece, under a lock (flock) that others who append take too. It writes under --dry-run and --read-only as well", write).
	Raises("ENOENT if the directory does not exist; ENOTSUP if it is no regular file; ETIMEDOUT if somebody else holds the lock for 10 s; EISDIR; EPERM; ENOSPC, with the old text kept").
	Example(`
ct> fs.write("token", "secret\n", {mode = "0600"})
ct> fs.write("token", "more\n", {append = true})
ct> fs.stat("token").mode, fs.read("token")
0600
secret
more

ct> fs.write("no/such/dir", "x")
prompt:1: fs.write: cannot write "no/such/dir": no such file or directory; make the directory first: fs.mkdir("no/such")`).
	Func("exists(path: string) -> bool", "tells whether there is something under a path. A link counts as what it points to", exists).
	Raises("EPERM if that cannot be known").
	Example(`
ct> fs.exists("/proc/self/status"), fs.exists("/no/such")
true
false`).
	Func("stat(path: string) -> file | nil", "returns size, mode and so on of what is under a path, nil where there is nothing. A link counts as what it points to", stat).
	Raises("EPERM if that cannot be known").
	Example(`
ct> fs.write("f", "abc", {mode = "640"})
ct> fs.stat("f")
file "f", 3 bytes, mode 0640, 20...
ct> fs.stat("/dev").kind
directory
ct> fs.stat("/no/such")`).
	Func("list(dir: string) -> list", "returns the names in a directory, up to 1 000 000, in order", list).
	Raises("ENOENT; ENOTDIR; EFBIG if there are more; EPERM").
	Example(`
ct> fs.mkdir("rules/old")
true
ct> fs.write("rules/b.lua", "") fs.write("rules/a.lua", "")
ct> table.concat(fs.list("rules"), " ")
a.lua b.lua old`).
	Func("mkdir(path: string, options?: {mode?: string}) -> bool",
		"makes a directory and those above it, and tells whether it was not there before. mode, as in \"0700\", is that of the last one; without it they get 0755 less the umask", mkdir).
	Raises("EEXIST if there is a file in its place; EPERM").
	Example(`
ct> fs.mkdir("var/lib/reap", {mode = "0700"}), fs.mkdir("var/lib/reap")
true
false
ct> fs.stat("var/lib/reap").mode
0700`).
	Func("remove(path: string) -> bool", "removes a file, a link or an empty directory, and tells whether there was one. Nothing removes what is in a directory", remove).
	Raises("ENOTEMPTY; EBUSY; EPERM").
	Example(`
ct> fs.write("stamp", "")
ct> fs.remove("stamp"), fs.remove("stamp")
true
false`).
	Func("lock(path: string, options?: {wait?: duration 0..86400 = 0}) -> lock | nil",
		"takes a lock (flock) on a file, which is made where it is not there and stays, so that two runs of a script do not overlap. "+
			"It returns nil where somebody else holds it, also this script itself, for as long as wait. The lock is held until it is released or the script ends, however that happens", takeLock).
	Raises("ENOENT if the directory does not exist; ENOTSUP if it is no regular file; EPERM").
	Example(`
ct> l = fs.lock("reap.lock")
ct> if not fs.lock("reap.lock") then print("another run is under way") end
another run is under way
ct> l:release()
ct> fs.lock("reap.lock", {wait = "5s"})
lock "reap.lock", held`)
