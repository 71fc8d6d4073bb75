// Package reports reads the report files in which Bango lists a reseller's entitlements: Active (all that are live at the end of a
// period), Change (what changed in it) and Event (each event of it). They are what reconciliation and the first import compare with.
//
// A [Reader] makes rows of a file, one at a time: memory does
// not grow with the file. It reads v1 (until 2019), v2 and generation 2, and judges nothing: which row is news is the caller's.
//
// The files are documented at developer.bango.com and developer.bango.info; comments name the page that a fact comes from.
package reports
