package edge.desugar;

import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Converts the value on top of the stack from one type to another, as Java does for lambdas. */
final class Boxing {
    private static final String[] BOXES = {
        "Void", "Boolean", "Character", "Byte", "Short", "Integer", "Float", "Long", "Double",
    };
    private static final String[] VALUES = {
        "", "booleanValue", "charValue", "byteValue", "shortValue", "intValue", "floatValue", "longValue",
        "doubleValue",
    };

    private Boxing() {}

    static void adapt(MethodVisitor code, Type from, Type to) {
        if (from.equals(to)) return;
        if (isPrimitive(from) && isPrimitive(to)) throw new IllegalStateException(from + " to " + to);
        if (isPrimitive(from)) {
            String box = "java/lang/" + BOXES[from.getSort()];
            String type = "(" + from.getDescriptor() + ")L" + box + ";";
            code.visitMethodInsn(Opcodes.INVOKESTATIC, box, "valueOf", type, false);
        } else if (isPrimitive(to)) {
            String box = "java/lang/" + BOXES[to.getSort()];
            boolean isOther = to.getSort() >= Type.BYTE && !from.getInternalName().equals(box);
            String owner = isOther ? "java/lang/Number" : box;
            code.visitTypeInsn(Opcodes.CHECKCAST, owner);
            code.visitMethodInsn(Opcodes.INVOKEVIRTUAL, owner, VALUES[to.getSort()], "()" + to.getDescriptor(), false);
        } else if (!to.getInternalName().equals("java/lang/Object")) {
            code.visitTypeInsn(Opcodes.CHECKCAST, to.getInternalName());
        }
    }

    private static boolean isPrimitive(Type type) {
        return type.getSort() < Type.ARRAY;
    }
}
