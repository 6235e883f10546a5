package edge.app

import android.content.Context
import android.media.AudioFormat
import android.media.MediaCodec
import android.media.MediaExtractor
import android.media.MediaFormat
import android.net.Uri
import java.io.IOException

/** Reads a song of the phone by its own decoders: any container, codec, rate and channel count that they know. */
internal class SongReader(private val context: Context) {
    /** @throws AppException It is no sound, empty, too long, or its decoder fails. */
    fun read(source: String): Sound {
        val extractor = MediaExtractor()
        try {
            try {
                extractor.setDataSource(context, Uri.parse(source), null)
            } catch (error: IOException) {
                throw AppException(Trouble.NOT_A_SOUND, error.message.orEmpty(), error)
            }
            val track = (0 until extractor.trackCount).find {
                extractor.getTrackFormat(it).getString(MediaFormat.KEY_MIME).orEmpty().startsWith("audio/")
            } ?: throw AppException(Trouble.NOT_A_SOUND)
            extractor.selectTrack(track)
            return decode(extractor, extractor.getTrackFormat(track))
        } finally {
            extractor.release()
        }
    }

    private fun decode(extractor: MediaExtractor, format: MediaFormat): Sound {
        val type = format.getString(MediaFormat.KEY_MIME).orEmpty()
        val codec = try {
            MediaCodec.createDecoderByType(type)
        } catch (error: IOException) {
            throw AppException(Trouble.DECODER, type, error)
        } catch (error: IllegalArgumentException) {
            throw AppException(Trouble.DECODER, type, error)
        }
        try {
            codec.configure(format, null, null, 0)
            codec.start()
            return Decoding(codec, extractor, format).run()
        } catch (error: MediaCodec.CodecException) {
            throw AppException(Trouble.DECODER, error.diagnosticInfo.orEmpty(), error)
        } catch (error: IllegalStateException) {
            throw AppException(Trouble.DECODER, error.message.orEmpty(), error)
        } finally {
            codec.release()
        }
    }
}

/** One run of a started decoder over a track. */
private class Decoding(
    private val codec: MediaCodec,
    private val extractor: MediaExtractor,
    private val format: MediaFormat,
) {
    private val info = MediaCodec.BufferInfo()
    private var collector: PcmCollector? = null
    private var isFed = false
    private var isDone = false
    private var idle = 0

    fun run(): Sound {
        while (!isDone) {
            if (!isFed) feed()
            drain()
            if (idle > MAX_IDLE) throw AppException(Trouble.DECODER, "no answer")
        }
        return (collector ?: collectorOf(format)).sound()
    }

    private fun feed() {
        val index = codec.dequeueInputBuffer(TIMEOUT_US)
        if (index < 0) return
        val size = extractor.readSampleData(codec.getInputBuffer(index)!!, 0)
        if (size < 0) {
            codec.queueInputBuffer(index, 0, 0, 0, MediaCodec.BUFFER_FLAG_END_OF_STREAM)
            isFed = true
        } else {
            codec.queueInputBuffer(index, 0, size, extractor.sampleTime, 0)
            extractor.advance()
        }
    }

    private fun drain() {
        val index = codec.dequeueOutputBuffer(info, TIMEOUT_US)
        idle++
        if (index < 0) return
        idle = 0
        val to = collector ?: collectorOf(codec.outputFormat).also { collector = it }
        if (info.size > 0) {
            val bytes = codec.getOutputBuffer(index)!!
            bytes.position(info.offset).limit(info.offset + info.size)
            to.add(bytes)
        }
        if (info.flags and MediaCodec.BUFFER_FLAG_END_OF_STREAM != 0) isDone = true
        codec.releaseOutputBuffer(index, false)
    }

    private fun collectorOf(format: MediaFormat): PcmCollector {
        val rate = format.getInteger(MediaFormat.KEY_SAMPLE_RATE)
        val channels = format.getInteger(MediaFormat.KEY_CHANNEL_COUNT)
        val encoding = if (format.containsKey(MediaFormat.KEY_PCM_ENCODING)) {
            format.getInteger(MediaFormat.KEY_PCM_ENCODING)
        } else {
            AudioFormat.ENCODING_PCM_16BIT
        }
        val isKnown = encoding == AudioFormat.ENCODING_PCM_16BIT || encoding == AudioFormat.ENCODING_PCM_FLOAT
        if (!isKnown || rate !in 1_000..400_000 || channels !in 1..32) {
            throw AppException(Trouble.DECODER, "$rate Hz, $channels channels, encoding $encoding")
        }
        return PcmCollector(rate, channels, float = encoding == AudioFormat.ENCODING_PCM_FLOAT)
    }

    private companion object {
        const val TIMEOUT_US = 10_000L
        const val MAX_IDLE = 500
    }
}
