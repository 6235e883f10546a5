// Runs a request in this machine's Python runtimes, as the app's `RequestTests` does it on a phone.
//
//     HostRunner FORMATS RESULTS ATTACHMENTS [REQUEST [NAME]]
//
// FORMATS have commas between them. RESULTS and ATTACHMENTS are folders that exist. Without REQUEST only `device.json`
// is written. In the item whose file is named NAME the process dies, as a crash of an engine does.
import EdgeFamily
import Foundation
import HostEngine

struct Crashing: EngineLoader {
    let format: String
    let name: String?
    private var real: HostLoader { HostLoader(format) }

    init(_ format: String, _ name: String?) {
        self.format = format
        self.name = name
    }

    func version() async throws -> String { try await real.version() }

    func load(_ file: URL, io: Io, threads: Int) async throws -> any Engine {
        if let name, file.lastPathComponent.hasPrefix(name) { _exit(77) }
        return try await real.load(file, io: io, threads: threads)
    }
}

let words = CommandLine.arguments
let (results, attachments) = (URL(fileURLWithPath: words[2]), URL(fileURLWithPath: words[3]))
let loaders = words[1].split(separator: ",").map { Crashing(String($0), words.count > 5 ? words[5] : nil) }
let runner = Runner(loaders, await ThisDevice.facts(loaders))
var finished = true
if words.count > 4 {
    finished = try await runner.run(URL(fileURLWithPath: words[4]), results: results) { event in
        FileHandle.standardOutput.write(Data("\(event.line)\n".utf8))
    }
} else {
    try runner.writeFacts(results)
}
var count = 0
try Attachments.each(results) { piece in
    try piece.write(to: attachments.appendingPathComponent("\(count)"))
    count += 1
}
exit(finished ? 0 : 1)
