package edge.family

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

class RequestTest {
    @TestFactory
    fun `requests are valid or refused as in Python`(): List<DynamicTest> = Vectors.cases("requests").map { case ->
        dynamicTest(case.text("name")) {
            val record = case.getValue("record").toString()
            if (case.text("valid") == "true") {
                assertEquals("a1", Request.parse(record).runId)
            } else {
                val error = assertThrows(FamilyException::class.java) { Request.parse(record) }
                assertFalse(error.message!!.contains('\n'), error.message)
            }
        }
    }
}
