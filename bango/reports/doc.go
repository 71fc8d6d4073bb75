// Package reports reads the report files in which Bango lists a reseller's entitlements: Active, Change and Event reports, which share
// their columns. They are what reconciliation and the first import compare with.
//
// [Find] lists the files of a folder or an S3 bucket, [File.Open] streams one, and a [Reader] makes rows of it, one at a time: memory does
// not grow with the file. It reads v1 (until 2019), v2 and generation 2, and judges nothing: which row is news is the caller's to say.
//
// The files are documented at developer.bango.com and developer.bango.info; comments name the page that a fact comes from.
package reports
