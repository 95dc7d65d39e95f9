// Package trust opens files that nobody but root can have written: what root
// runs must not be for others to write.
//
// [Open] walks a path from the root directory, one component at a time, and
// looks at each through the descriptor by which it goes on. So it is what was
// looked at that is read, also when somebody exchanges names meanwhile. Every
// directory on the way, every symbolic link and the file must be root's, and
// directories and the file not writable by group or others. A directory with
// the sticky bit, such as /tmp, may be writable: what root owns in it nobody
// else can exchange. An access list that lets others write shows in the mode of
// the group.
//
// The package must not decide when this is asked for, nor read a file.
package trust
