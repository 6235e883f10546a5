package edge.desugar;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * `Desugar OUT.jar IN...` merges folders and jars of classes into one jar, and writes a class for each lambda.
 *
 * dx makes invoke-custom of lambdas, which calls a class that Android 8 does not have. What is not a lambda of
 * LambdaMetafactory, a class file above Java 8, or a class that is there twice, is an error. The same input gives the
 * same bytes.
 */
public final class Desugar {
    private static final String METAFACTORY = "java/lang/invoke/LambdaMetafactory";
    private static final LocalDateTime DATE = LocalDateTime.of(1981, 1, 1, 0, 0);

    private final Map<String, ClassNode> classes = new TreeMap<>();
    private final Map<String, ClassNode> made = new TreeMap<>();

    private Desugar() {}

    public static void main(String[] arguments) throws IOException {
        Desugar desugar = new Desugar();
        for (String input : List.of(arguments).subList(1, arguments.length)) desugar.read(Path.of(input));
        desugar.rewriteAll();
        desugar.write(Path.of(arguments[0]));
        System.out.println(desugar.classes.size() + " classes, " + desugar.made.size() + " of lambdas");
    }

    private void read(Path input) throws IOException {
        if (Files.isDirectory(input)) {
            try (Stream<Path> files = Files.walk(input)) {
                for (Path file : (Iterable<Path>) files.filter(each -> isClass(each.toString()))::iterator) {
                    add(file.toString(), Files.readAllBytes(file));
                }
            }
            return;
        }
        try (ZipFile jar = new ZipFile(input.toFile())) {
            for (ZipEntry entry : Collections.list(jar.entries())) {
                if (!isClass(entry.getName()) || entry.getName().startsWith("META-INF/")) continue;
                try (InputStream content = jar.getInputStream(entry)) {
                    add(input + "!" + entry.getName(), content.readAllBytes());
                }
            }
        }
    }

    private static boolean isClass(String name) {
        return name.endsWith(".class") && !name.endsWith("module-info.class");
    }

    private void add(String where, byte[] content) {
        int version = (content[6] & 0xff) << 8 | content[7] & 0xff;
        if (version > Opcodes.V1_8) throw new IllegalStateException(where + " is of class file version " + version);
        ClassNode node = new ClassNode();
        new ClassReader(content).accept(node, 0);
        if (classes.put(node.name, node) != null) throw new IllegalStateException(where + " is there twice");
    }

    private void rewriteAll() {
        for (ClassNode owner : classes.values()) {
            int count = 0;
            for (MethodNode method : owner.methods) {
                for (AbstractInsnNode each : method.instructions.toArray()) {
                    if (!(each instanceof InvokeDynamicInsnNode)) continue;
                    InvokeDynamicInsnNode site = (InvokeDynamicInsnNode) each;
                    if (!site.bsm.getOwner().equals(METAFACTORY)) {
                        throw new IllegalStateException(owner.name + "." + method.name + " calls " + site.bsm);
                    }
                    String name = owner.name + "$$Lambda$" + count++;
                    made.put(name, new LambdaClass(name, site).made(classes, owner));
                    MethodInsnNode call = new MethodInsnNode(
                        Opcodes.INVOKESTATIC, name, LambdaClass.FACTORY, site.desc, false);
                    method.instructions.set(each, call);
                }
            }
        }
    }

    private void write(Path output) throws IOException {
        try (ZipOutputStream jar = new ZipOutputStream(Files.newOutputStream(output))) {
            jar.setLevel(1);
            Map<String, ClassNode> all = new TreeMap<>(classes);
            all.putAll(made);
            for (Map.Entry<String, ClassNode> each : all.entrySet()) {
                ClassWriter writer = new ClassWriter(made.containsKey(each.getKey()) ? ClassWriter.COMPUTE_MAXS : 0);
                each.getValue().accept(writer);
                ZipEntry entry = new ZipEntry(each.getKey() + ".class");
                entry.setTimeLocal(DATE);
                jar.putNextEntry(entry);
                jar.write(writer.toByteArray());
                jar.closeEntry();
            }
        }
    }
}
