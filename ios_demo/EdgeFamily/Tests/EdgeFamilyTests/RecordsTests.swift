import XCTest

@testable import EdgeFamily

final class RecordsTests: XCTestCase {
    func testRequestsAreValidOrRefusedAsInPython() async throws {
        for each in try vectors("requests") {
            let name = try String(each["name"]!, "name")
            if each["valid"] == .bool(true) {
                XCTAssertEqual(try Request(each["record"]!, Request.file).runId, "a1", name)
            } else {
                let message = await refusal(name) { try Request(each["record"]!, Request.file) }
                XCTAssert(message.hasPrefix("request.json"), message)
            }
        }
    }

    func testManifestsAreValidOrRefusedAsInPython() async throws {
        for each in try vectors("manifests") {
            let name = try String(each["name"]!, "name")
            let text = try encoded(each["record"]!)
            if each["valid"] == .bool(true) {
                XCTAssertEqual(try Manifest(parsing: text).member("w0.5").name, "w0.5", name)
            } else {
                let message = await refusal(name) { try Manifest(parsing: text) }
                XCTAssert(message.hasPrefix("manifest.json") && message.contains("not valid: "), message)
            }
        }
    }

    func testAManifestSaysFromWhichRuntimeOnAFileRuns() throws {
        let named = Dictionary(
            uniqueKeysWithValues: try vectors("manifests").map { (try String($0["name"]!, "name"), $0["record"]!) })
        func runsIn(_ name: String) throws -> RunsIn? {
            try Manifest(named[name]!, name).member("w0.5").artifact("tflite-builtin-fp32").runsIn
        }
        XCTAssertEqual(try runsIn("a file for newer runtimes")?.runsFrom, "TensorFlow Lite 2.16.1")
        XCTAssertEqual(try runsIn("a file for newer runtimes")?.fullSpeedFrom, "LiteRT 1.1.2")
        XCTAssertEqual(try runsIn("a file whose speed is not known")?.fullSpeedFrom, "")
        XCTAssertNil(try runsIn("least"))
    }

    func testWhatIsNotThereIsRefusedWithWhatIs() async throws {
        let manifest = try Manifest(try vectors("manifests")[0]["record"]!, "manifest.json")
        let member = await refusal { try manifest.member("w9") }
        XCTAssertEqual(member, "there is no member \"w9\": there are [\"w0.5\"]")
        let artifact = await refusal { try manifest.member("w0.5").artifact("x") }
        XCTAssertEqual(artifact, "w0.5 has no artifact \"x\": it has [\"tflite-builtin-fp32\"]")
    }

    func testTextThatIsNoRecordIsRefused() async {
        let deep = String(repeating: "[", count: 100_000)
        let cases = [
            ("", "m is not valid: the text ends at byte 0"),
            ("null", "m is not valid: it is not an object"),
            ("[]", "m is not valid: it is not an object"),
            ("{", "m is not valid: not a name at byte 1"),
            ("{} x", "m is not valid: something follows the value at byte 3"),
            (deep, "m is not valid: more than 64 values in each other at byte 65"),
            ("{\"schema\": NaN}", "m is not valid: not JSON at byte 11"),
            ("{\"schema\": Infinity}", "m is not valid: not JSON at byte 11"),
            ("{\"schema\": -Infinity}", "m is not valid: not JSON at byte 12"),
            ("{\"schema\": 1e999}", "m is not valid: a number that is not finite at byte 16"),
            ("{\"schema\": 01}", "m is not valid: not a number at byte 13"),
            ("{\"schema\": 1.}", "m is not valid: not JSON at byte 13"),
            ("{\"a\": 1, \"a\": 2}", "m is not valid: it has a name twice: \"a\""),
            ("{\"a\": 1, \"\\u0061\": 2}", "m is not valid: it has a name twice: \"a\""),
            ("{\"a\": \"\\ud800\"}", "m is not valid: half a character at byte 13"),
            ("{\"a\": \"\u{1}\"}", "m is not valid: a control character at byte 8"),
            ("{\"a\": 1}", "m is not valid: unknown field \"a\""),
            ("{\"schema\": \"1.0\"}", "m is not valid: it lacks target"),
        ]
        for (text, wanted) in cases {
            let message = await refusal(text) { try Manifest(try JSON.parse(Array(text.utf8), "m"), "m") }
            XCTAssertEqual(message, wanted)
        }
        let message = await refusal { try Manifest(parsing: Data([0x22, 0xFF, 0x22])) }
        XCTAssertEqual(message, "manifest.json is not valid: a string that is not UTF-8 at byte 3")
    }

    func testJSONIsReadAsItIsWritten() throws {
        let text = #"{"a": [1, -2.5, 1e2, true, null], "b": "\u00e9\ud83d\ude00\n\"\\/", "c": {}}"#
        let wanted: [String: JSON] = [
            "a": .list([.integer(1), .number(-2.5), .number(100), .bool(true), .null]), "b": .text("é😀\n\"\\/"),
            "c": .object([:]),
        ]
        XCTAssertEqual(try JSON.of(text), .object(wanted))
    }

    func testAPartThatIsMissingCutShortChangedOrLinkedFromOutsideIsRefused() async throws {
        try await withScratch { folder in
            let file = folder.appendingPathComponent("a.bin")
            func write(_ text: String) throws { try Data(text.utf8).write(to: file) }
            try write("content")
            let part = try Part.of(folder, "a.bin")
            XCTAssertEqual(try part.checked(in: folder), file)
            try write("conten")
            var message = await refusal { try part.checked(in: folder) }
            XCTAssertEqual(message, "a.bin has 6 bytes, not 7: copy it again")
            try write("Content")
            message = await refusal { try part.checked(in: folder) }
            XCTAssertEqual(message, "a.bin does not match its sha256: it was changed, copy it again")
            try FileManager.default.removeItem(at: file)
            message = await refusal { try part.checked(in: folder) }
            XCTAssertEqual(message, "a.bin is missing in \(folder.path): copy the whole folder again")
            try await withScratch { outside in
                let target = outside.appendingPathComponent("a.bin")
                try Data("content".utf8).write(to: target)
                try FileManager.default.createSymbolicLink(at: file, withDestinationURL: target)
                message = await refusal { try part.checked(in: folder) }
                XCTAssertEqual(message, "a.bin leads out of \(folder.path)")
            }
        }
    }

    func testPathsThatLeadOutOrAreNoneAreRefused() {
        let bad = [
            "", "..", "../a", "a/../b", "/a", "a//b", "a/", "./a", ".a", "a\\b", "a b", "é", "a\0b", "-a", "C:/a",
            String(repeating: "a", count: 121), "a/b/c/d/e/f/g/h/i", "a/.b",
        ]
        for path in bad {
            let part = Part(path: path, sha256: String(repeating: "0", count: 64), bytes: 0)
            XCTAssertEqual(part.problems("x").count, 1, path)
        }
        for path in ["a", "members/w0.25/x.mlpackage", "_a+b-c.d/1"] {
            XCTAssertEqual(Part(path: path, sha256: String(repeating: "0", count: 64), bytes: 0).problems("x"), [])
        }
    }

    func testDigestsAreThoseOfTheStandard() {
        let cases = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ]
        for (text, digest) in cases { XCTAssertEqual(SHA256.hex(text.utf8), digest) }
    }

    func testErrorsAreOneLineOfPrintableCharacters() {
        XCTAssertEqual(oneLine(" a\n\tb\u{0}c\u{202E}d  "), "a b?c?d")
        XCTAssertEqual(oneLine("abcdef", limit: 4), "abc…")
        XCTAssertEqual(familyError("x", FamilyError.unsupported("y")), .unsupported("x: y"))
        XCTAssertEqual(familyError("x", FamilyError.misuse("y")), .invalid("x: y"))
    }
}
